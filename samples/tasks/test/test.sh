#!/bin/sh
# Asks the address that it is given; fails when the answer is not the right one.
answer=$(wget -q -O - "$1") || exit 1
echo "asked $1: $answer"
[ "$answer" = "the web is well" ]
