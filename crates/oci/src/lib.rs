//! References, a registry client, layers and manifest lists: how images are read, assembled and published.
