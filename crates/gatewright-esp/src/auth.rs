//! HMAC over ESP.
