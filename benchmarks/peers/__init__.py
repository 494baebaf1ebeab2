"""What unghost is measured against: the service that a team would write instead, and the floor below any service."""
