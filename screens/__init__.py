"""Full pages of the console, and the App that hosts them."""
