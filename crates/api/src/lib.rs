//! The wire types of the REST contract: requests, answers, errors.
