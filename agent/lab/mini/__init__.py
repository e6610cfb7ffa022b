"""What the models of the profile `mini` can do, measured anew from a seed on data that no recipe draws."""
