"""The image generator of `mini`: a Stable Diffusion pipeline of diffusers, trained from nothing on the world."""
