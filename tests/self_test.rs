//! The self-test itself: a wrong result is a failure, the other cases run all the same, and a device must give the same bits
//! each time.

use std::sync::Arc;

use serde_json::Value;
use wgrad::gpu::{AdapterChoice, Gpu, GpuError};
use wgrad::kernel::MicroKernel;
use wgrad::self_test::{Case, Check, Comparison, OperationCase, Report, SelfTest, checks};

mod command;

use command::*;

/// Relu of a small tensor, against `expected(x)`.
fn relu(name: &str, expected: fn(f64) -> f64) -> Case {
    OperationCase {
        name: name.into(),
        activations: vec![vec![2, 5]],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.relu("y", tensors[0])),
        reference: Box::new(move |inputs| inputs[0].iter().map(|x| expected(*x)).collect()),
    }
    .into()
}

fn right(name: &str) -> Case {
    relu(name, |x| x.max(0.0))
}

fn run(cases: Vec<Case>) -> Report {
    let choice = AdapterChoice::default();
    let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
    let test = SelfTest::new(choice, gpu, Some(MicroKernel::Direct)).unwrap();
    let mut told = 0;
    let report = test.run(&[Check::new("relu", cases)], &mut |_, _, _| told += 1);
    assert_eq!(told, report.results.len());
    report
}

fn json_of(report: &Report) -> Value {
    serde_json::from_str(&report.to_json().unwrap()).unwrap()
}

#[test]
fn right_results_pass() {
    let report = run(vec![right("one"), right("two")]);
    assert!(report.passed);
    assert!(report.to_string().contains("passed: 2 cases"), "{report}");
    assert_eq!(json_of(&report)["passed"], true);
}

/// A reference that is off by a slope of 0.001 stands for a kernel that is wrong by as much.
#[test]
fn a_wrong_result_fails_in_table_and_json() {
    let report = run(vec![right("before"), relu("leaky", |x| x.max(0.001 * x)), right("after")]);
    assert!(!report.passed);
    let text = report.to_string();
    assert!(text.contains("relu (leaky, direct): forward off by"), "{text}");
    assert!(text.contains("limit 1e-5; y: element ") && text.contains(" is 0, expected -0.000"), "{text}");
    assert!(text.contains("gradient off by") && text.contains("✗ "), "{text}");
    assert!(text.contains("FAILED: 1 of 3 cases"), "{text}");
    let json = json_of(&report);
    assert_eq!(json["passed"], false);
    assert_eq!([0, 1, 2].map(|i| json["results"][i]["passed"].as_bool().unwrap()), [true, false, true]);
    let forward = &json["results"][1]["comparisons"][0];
    assert!(forward["error"].as_f64() > forward["limit"].as_f64(), "{forward}");
    assert!(forward["first_wrong"].as_str().unwrap().contains("expected"), "{forward}");
}

#[test]
fn nan_fails() {
    let cases = vec![
        Case::new("nan", |_, _| {
            Ok(vec![Comparison::close("forward", "y", &[1.0, f32::NAN, 2.0], &[1.0, 1.0, 2.0], 1.0)])
        }),
        relu("nan expected", |x| if x > 0.0 { x } else { f64::NAN }),
        right("after"),
    ];
    let report = run(cases);
    assert!(!report.passed);
    let text = report.to_string();
    assert!(text.contains("relu (nan, direct): forward off by NaN") && text.contains("element 1 is NaN"), "{text}");
    assert!(text.contains("✗ NaN") && text.contains("FAILED: 2 of 3"), "{text}");
    assert_eq!(json_of(&report)["results"][0]["comparisons"][0]["error"], "NaN");
}

#[test]
fn what_compares_nothing_or_runs_nothing_fails() {
    let report = run(vec![Case::new("empty", |_, _| Ok(vec![]))]);
    assert!(!report.passed && report.to_string().contains("nothing was compared"), "{report}");
    assert!(!run(vec![]).passed);
}

/// A buffer that is larger than allowed. The device reports it after the call.
fn invalid(gpu: &Gpu) {
    gpu.create_buffer("invalid", u64::MAX, wgpu::BufferUsages::STORAGE, false);
}

#[test]
fn a_device_error_fails_its_case_alone() {
    let faulty = Case::new("faulty", |gpu, _| {
        invalid(gpu);
        Ok(vec![Comparison::new("forward", 1e-5)])
    });
    let lost = Case::new("lost", |gpu, _| {
        gpu.device().destroy();
        Err(GpuError::Lost("pulled out".into()).into())
    });
    let report = run(vec![right("before"), faulty, right("between"), lost, right("after")]);
    assert_eq!(report.results.iter().map(|result| result.passed).collect::<Vec<_>>(), [true, false, true, false, true]);
    let text = report.to_string();
    assert!(text.contains("relu (faulty, direct): the device reports an error"), "{text}");
    assert!(text.contains("relu (lost, direct): the device was lost"), "{text}");
    let json = json_of(&report);
    assert!(json["results"][1]["failure"].as_str().unwrap().contains("device"), "{json}");
}

#[test]
fn a_device_that_does_not_open_again_ends_the_run_with_words() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let gone = AdapterChoice { adapter: Some("voodoo".into()), ..Default::default() };
    let test = SelfTest::new(gone, gpu, Some(MicroKernel::Direct)).unwrap();
    let faulty = Case::new("faulty", |gpu, _| {
        invalid(gpu);
        Ok(vec![Comparison::new("forward", 1e-5)])
    });
    let report = test.run(&[Check::new("relu", vec![faulty, right("after")])], &mut |_, _, _| {});
    assert!(!report.passed);
    assert_eq!(report.results.len(), 1);
    assert!(report.to_string().contains("1 cases were not run: no adapter matches `voodoo`"), "{report}");
}

#[test]
fn one_device_gives_the_same_bits_each_time() {
    let choice = AdapterChoice::default();
    let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
    let checks: Vec<Check> = checks().into_iter().filter(|check| check.name == "determinism").collect();
    let report = SelfTest::new(choice, gpu, None).unwrap().run(&checks, &mut |_, _, _| {});
    assert!(report.passed, "{report}");
}

/// A case that counts its runs stands for a device whose results differ from run to run.
#[test]
fn other_bits_the_second_time_fail() {
    let report = run(vec![Case::new("steps", |_, _| {
        let [first, again] = [1.0_f32, 1.0 + f32::EPSILON];
        Ok(vec![Comparison::same_bits("weights, the second time", &[first, again], &[first, first])])
    })]);
    let text = report.to_string();
    assert!(text.contains("1 wrong; weights, the second time: element 1 is 1.0000001, expected 1.0"), "{text}");
}

#[test]
fn the_command_prints_a_table_and_writes_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("self-test.json");
    let output = succeeds(wgrad(&format!("self-test {ADAPTER} --kernel direct --json")).arg(&path));
    let text = stdout(&output);
    assert!(text.starts_with("Adapter: ") && text.contains("\npassed: "), "{text}");
    let json = json(&path);
    assert_eq!((&json["passed"], &json["micro_kernels"]), (&true.into(), &serde_json::json!(["direct"])));
    assert!(json["adapter"]["driver"].is_string() && json["limits"]["max_buffer_size"].is_u64(), "{json}");
    let results = json["results"].as_array().unwrap();
    let all: usize = checks().iter().map(|check| check.cases.len()).sum();
    assert_eq!(results.len(), all);
    for check in checks() {
        assert!(text.lines().any(|line| line.starts_with(check.name)), "no {} in {text}", check.name);
    }
}
