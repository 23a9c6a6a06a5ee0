"""The pipeline of one event stream: connect, read, decode, batch, write, and reconnect."""
