//! What a token says, and what is told of one that says nothing whole.

use super::*;

fn again(text: &str) -> Result<String, String> {
    let (scenario, order) = read_token(text).map_err(|error| error.to_string())?;
    Ok(token(&scenario, &order))
}

#[test]
fn a_token_is_read_as_it_was_written() {
    for text in [
        "x1/none/main=1000/w500,d500/1212",
        "x1/cas/main=1000/w500,d500/12122",
        "x1/lock/ops=0.50+12.05/l0.05=main,t0.07=ops=rent/11112222",
        "x1/mutex-per-account/main=1000,b=500/t5=main=b,t5=b=main/12",
        "x1/mutex-in-order/main=1000,b=500/t5=main=b,t5=b=main/111111222222",
        "x1/owner/main=1000/w500,t500=main=@loans/21",
        "x1/owner-with-work/a:b.c_-=1000/w500,t500/1212",
        "x1/queue/main=1000/w500/1",
        "x1/pipe-with-work/main=1000/w500,t500/1212",
    ] {
        assert_eq!(again(text).as_deref(), Ok(text));
    }
}

#[test]
fn what_is_no_token_is_named() {
    for (text, expected) in [
        ("", "`` is no token of this version"),
        ("x2/none/main=1/w1/11", "is no token of this version"),
        ("x1/none/main=1/w1/11/", "is no token of this version"),
        ("x1/some/main=1/w1/11", "part `some` is not a way to share"),
        (
            "x1/none/@world=1/w1/11",
            "part `@world=1` is not an account",
        ),
        (
            "x1/none/main=-1/w1/11",
            "part `-1` has no possible amount: an amount is never negative",
        ),
        (
            "x1/none/main=1/w99999999999999999999/11",
            "an amount is at most",
        ),
        (
            "x1/none/main=99999999999999999999/w1/11",
            "an amount is at most",
        ),
        (
            "x1/none/main=1/w0/11",
            "part `w0` has no possible amount: an amount is more than zero",
        ),
        ("x1/none/main=1+/w1/11", "part `` is not an amount"),
        ("x1/none/main=1/b1/11", "part `b1` is not an operation"),
        ("x1/none/main=1/ü1/11", "part `ü1` is not an operation"),
        ("x1/none/main=1/w1=@loans/11", "is not an operation"),
        ("x1/none/main=1/w1=a=b/11", "is not an operation"),
        ("x1/none/main=1/w1/1!", "part `1!` is not an order"),
        ("x1/none/main=1/t1=a=a/11", "moves money from `a` to itself"),
        (
            "x1/none/main=1/w1/12",
            "step `2` of the token's order `12` is of operation `2`, and there is no such",
        ),
        (
            "x1/none/main=1000/w100,d100/9221",
            "of operation `9`, and there is no such operation: the token has 2",
        ),
        (
            "x1/none/main=50/w100,d100/1221",
            "step `4` of the token's order `1221` cannot be taken: operation `1` was refused, since there is not enough money",
        ),
        (
            "x1/lock/main=1/w1,w1/12",
            "operation `2` waits for a lock that another one holds",
        ),
        (
            "x1/none/main=1/w1/111",
            "operation `1` has taken all of its steps before",
        ),
        (
            "x1/none/main=1/w1,w1/11",
            "order `11` ends before its operations do: operation `2` has a step left",
        ),
        ("x1", "the token `x1` ends too early: the way to share"),
        (
            "x1/none/main=1/w1",
            "the order of the steps, such as `1221`, is missing",
        ),
    ] {
        let error = again(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}
