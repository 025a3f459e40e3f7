"""The page of a recording: how every stream does, cameras, takes, and the commands of an operator."""
