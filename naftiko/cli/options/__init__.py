"""The arguments and options of each command, as `argparse` gets them."""
