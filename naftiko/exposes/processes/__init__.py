"""The processes of one server: how many, their parent, and how they ask each other."""
