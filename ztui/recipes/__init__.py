"""Recipes: how each finding is mended, one function each. See ``base``."""
