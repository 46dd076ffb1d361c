"""A plainly fictional group, filled in through the public interface, as its people would do it."""
