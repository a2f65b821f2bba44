"""`python -m clicktrain` is the command `clicktrain`."""

from clicktrain.cli.app import main

if __name__ == "__main__":
    main()
