"""The shape of `policy/*.toml`: a module for each file, over `rows` and `gate`."""
