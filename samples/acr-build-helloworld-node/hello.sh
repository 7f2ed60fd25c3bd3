#!/bin/sh
echo "Hello, I'm running Node.js version $NODE_VERSION"
