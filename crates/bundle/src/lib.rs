//! What a bundle image contains: package, channels, versions, APIs, images, dependencies and properties.
