//! What each kind of request does, step by step: request in, published image out.
