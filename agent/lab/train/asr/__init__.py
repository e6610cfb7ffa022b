"""The recogniser of `mini`: openai-whisper's class, small, over characters, trained on the world's spoken sentences."""
