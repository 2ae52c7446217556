//! The scripted upstream keeps its promises: other tests rest on them.

mod upstream;
