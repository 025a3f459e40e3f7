"""The page on which people review episodes, served or as a folder."""
