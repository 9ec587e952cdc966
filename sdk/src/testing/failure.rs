//! What a failure has to say.

use crate::Failure;

/// Asserts a failure's action and code, and words that its message must have.
///
/// # Panics
/// When it is otherwise, or nothing failed.
pub fn assert_failure<T>(result: Result<T, Failure>, action: &str, code: &str, words: &[&str]) {
    let Err(failure) = result else { panic!("it should have failed as `{code}`") };
    assert_eq!((failure.action.as_str(), failure.code.as_str()), (action, code), "{failure:?}");
    for word in words {
        assert!(failure.message.contains(word), "{word} is not in: {failure}");
    }
}
