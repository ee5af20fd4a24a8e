"""Where events come from: the archive, and Kafka."""
