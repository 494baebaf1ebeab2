"""`python -m unghost` is the `unghost` command."""

from unghost.cli import main

if __name__ == "__main__":
    main()
