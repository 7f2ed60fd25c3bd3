"""The dashboard's pages: what they show, how they look, and who they were made for. Decides nothing by itself."""
