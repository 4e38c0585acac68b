"""The door to the models: endpoints by role, with fallbacks, circuits, limits, accounts and spans."""
