//! Faults in histories without a claimed order.

use super::*;

fn whole() -> Vec<Value> {
    let mut lines = right();
    lines.push(summary());
    lines
}

/// The end as it would be with so much of the budget given to an account.
fn refill(lines: &mut [Value], budget: &str, account: &str) {
    let balances = &mut lines[16]["balances"];
    balances[2]["balance"] = json!(account);
    let budget = json!({"account": "@budget", "balance": budget, "available": budget});
    balances.as_array_mut().expect("a list").push(budget);
}

#[test]
fn faults_in_sums_are_caught() {
    let table: &[(&str, &str, Plant)] = &[
        ("an answer is lost", "count", |l| drop(l.remove(2))),
        ("a refusal is lost", "count", |l| drop(l.remove(5))),
        ("the end is another", "sum", |l| {
            l[16]["balances"][2]["balance"] = json!("550.00");
            l[16]["balances"][1]["balance"] = json!("-660.00");
        }),
        ("the end does not add up to nothing", "sum", |l| {
            l[16]["balances"][1]["balance"] = json!("-660.00");
        }),
        ("an account is left out", "sum", |l| {
            l[16]["balances"].as_array_mut().expect("a list").remove(3);
        }),
        ("updates were lost by its own word", "lost_updates", |l| {
            l[16]["lost_updates"] = json!(1)
        }),
        ("it counts another", "count", |l| {
            l[16]["completed"] = json!(9)
        }),
        ("it counts another failure", "count", |l| {
            l[16]["failed"] = json!(0)
        }),
        ("it counts another duplicate", "count", |l| {
            l[16]["duplicates"] = json!(0)
        }),
        ("what was refilled stands in no line", "right", |l| {
            refill(l, "-5.00", "545.00");
        }),
        ("a refill that was not given", "sum", |l| {
            refill(l, "-4.00", "545.00");
        }),
        ("a refill that came nowhere", "sum", |l| {
            refill(l, "-5.00", "540.00");
        }),
        ("what was refilled came from elsewhere", "sum", |l| {
            refill(l, "-5.00", "545.00");
            l[16]["balances"][0]["balance"] = json!("-39.00");
            l[16]["balances"][1]["balance"] = json!("-651.00");
        }),
        ("it starts with another balance", "sum", |l| {
            l[0]["balance"] = json!("1001.00")
        }),
    ];
    plant(table, whole);
}
