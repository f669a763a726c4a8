/// Every row of the table through every derivative there is, in both modes and to the second order, against differences.
module FunctionalDL.Tests.DerivativeTests

open System
open NUnit.Framework
open FSharp.Reflection
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.PrimTable

// ---- differences -------------------------------------------------------------------------------------------------

/// The step of differences: a power of 2, so that the points themselves are exact.
let private h = Math.ScaleB(1.0, -10)

/// Allowed, relative to the largest element (at least 1). The five-point difference is off by h⁴/30 · f⁽⁵⁾, which the
/// domains of the table keep below 1e-9 (log at 1/2, second order: 120 · 2⁶ · 3e-14 = 2e-10), and rounding adds
/// 1.5 · ε · |f| / h = 3e-13 · |f|.
let private tolerance = 1e-8

/// Allowed between two exact ways to the same number: rounding alone.
let private rounding = 1e-12

/// How a function of several arrays moves along a direction: the five-point central difference
/// (8 (f(x+hv) - f(x-hv)) - (f(x+2hv) - f(x-2hv))) / 12h.
let private difference (f: float[] list -> float[]) (x: float[] list) (v: float[] list) : float[] =
    let at step =
        f (List.map2 (Array.map2 (fun a b -> a + step * b)) x v)

    let near = Array.map2 (-) (at h) (at -h)
    let far = Array.map2 (-) (at (2.0 * h)) (at (-2.0 * h))
    Array.map2 (fun n f -> (8.0 * n - f) / (12.0 * h)) near far

/// The differences along each element of each input in turn: a gradient, when `f` gives one number.
let private gradientByDifferences f (x: float[] list) : float[] list =
    x
    |> List.mapi (fun input values ->
        values
        |> Array.mapi (fun element _ ->
            let unit = x |> List.map (fun values -> Array.zeroCreate<float> values.Length)
            unit[input][element] <- 1.0
            (difference f x unit)[0]))

// ---- a case at work ----------------------------------------------------------------------------------------------

let private dot (a: Tensor) (b: Tensor) = Tensor.sum (a * b)

let private dots (xs: Tensor list) ys = List.map2 dot xs ys |> List.reduce (+)

/// A case on an engine, with random weights that make one number of its output and a random direction for its inputs.
type private Trial(engine: IEngine, case: Case, rng: Random) =
    let shapes = case.Inputs |> List.map fst
    let values = case.Inputs |> List.map snd
    let tensors (values: float[] list) = List.map2 Tensor.ofFloats shapes values
    let v = values |> List.map (fun x -> direction rng x.Length)

    let weight =
        let y = case.Apply(tensors values)
        Tensor.ofFloats (dimsOf y) (direction rng y.Shape.Size)

    /// ⟨weight, f²/2 + f⟩: curved even where f is linear, so that second derivatives are worth looking at.
    let scalar xs =
        let y = case.Apply xs
        dot weight (0.5 * (y * y) + y)

    member _.X = tensors values
    member _.V = tensors v
    member _.Weight = weight
    member _.Scalar = scalar
    member _.Floats x = floatsOn engine x

    member _.AllFloats xs =
        xs |> List.map (floatsOn engine) |> Array.concat

    member _.Difference f =
        let run = Compile.on engine f
        difference (tensors >> run >> floatsOn engine) values v

    member _.Gradient f =
        let run = Compile.on engine f
        gradientByDifferences (tensors >> run >> floatsOn engine) values |> Array.concat

let private casesPerRow = 12

/// Runs a check on the cases of a row, on an engine.
let private check name engine (test: Case -> Trial -> string -> unit) =
    for seed in 1..casesPerRow do
        let rng = Random(seed)
        let case = (row name).Case rng
        let shapes = case.Inputs |> List.map fst
        test case (Trial(engineOf engine, case, rng)) $"{name} on {engine}, case {seed}, shapes %A{shapes}"

let rowsOnEngines = [
    for r in rows do
        for engine in engineNames -> TestCaseData(r.Name, engine)
]

// ---- the table is complete ---------------------------------------------------------------------------------------

[<Test>]
let ``every case of the union has a row of its own`` () =
    let cases (t: Type) = FSharpType.GetUnionCases(t).Length

    let operations = [
        typeof<UnaryOp>
        typeof<BinaryOp>
        typeof<CompareOp>
        typeof<ReduceOp>
        typeof<ArgOp>
        typeof<ConvolutionPart>
    ]

    // A case with an operation has as many rows as the operation has cases.
    let expected =
        cases typeof<Prim<int>> - operations.Length + List.sumBy cases operations

    shouldEqual expected (rows |> List.distinctBy _.Name |> List.length)

[<Test>]
let ``every row computes with its own primitive`` () =
    let printed (row: Row) =
        [
            for seed in 1..casesPerRow do
                let case = row.Case(Random seed)
                Compile.print case.Apply (tensorsOf case)
        ]
        |> String.concat "\n"

    for row in rows do
        // The first three only rename a value, and the last is gone when a derivative is done, so no program
        // has them; what they do is seen in the derivatives.
        if not (List.contains row.Name [ "stopgradient"; "variable"; "custom"; "opaque" ]) then
            printed row |> shouldContain [ $" = {row.Name}" ]

// ---- first order -------------------------------------------------------------------------------------------------

[<TestCaseSource("rowsOnEngines")>]
let ``forward mode is the central difference`` (name: string, engine: string) =
    check name engine (fun case trial what ->
        let _, moved = jvp case.Apply trial.X trial.V
        shouldBeClose what tolerance (trial.Difference case.Apply) (trial.Floats moved))

[<TestCaseSource("rowsOnEngines")>]
let ``reverse mode is the central difference along every element`` (name: string, engine: string) =
    check name engine (fun _ trial what ->
        let value, gradient = valueAndGrad trial.Scalar trial.X
        shouldBeClose $"{what}: value" rounding (trial.Floats(trial.Scalar trial.X)) (trial.Floats value)
        shouldBeClose what tolerance (trial.Gradient trial.Scalar) (trial.AllFloats gradient))

[<TestCaseSource("rowsOnEngines")>]
let ``reverse mode transposes forward mode`` (name: string, engine: string) =
    check name engine (fun case trial what ->
        let _, moved = jvp case.Apply trial.X trial.V
        let _, pullback = vjp case.Apply trial.X
        let forward = trial.Floats(dot trial.Weight moved)
        let backward = trial.Floats(dots (pullback trial.Weight) trial.V)
        shouldBeClose what rounding forward backward)

// ---- second order ------------------------------------------------------------------------------------------------

[<TestCaseSource("rowsOnEngines")>]
let ``second derivatives are the central differences of the gradient, whichever modes are nested``
    (name: string, engine: string)
    =
    check name engine (fun _ trial what ->
        let gradient = grad trial.Scalar

        let join (xs: Tensor list) =
            xs |> List.map (Tensor.reshape [ -1 ]) |> Tensor.cat 0

        let byDifferences = trial.Difference(gradient >> join)
        let forwardOverReverse = jvp gradient trial.X trial.V |> snd
        let reverseOverReverse = grad (fun xs -> dots (gradient xs) trial.V) trial.X
        let reverseOverForward = grad (fun xs -> snd (jvp trial.Scalar xs trial.V)) trial.X

        shouldBeClose
            $"{what}, forward over reverse"
            tolerance
            byDifferences
            (trial.AllFloats forwardOverReverse)

        shouldBeClose
            $"{what}, reverse over reverse"
            tolerance
            byDifferences
            (trial.AllFloats reverseOverReverse)

        shouldBeClose
            $"{what}, reverse over forward"
            tolerance
            byDifferences
            (trial.AllFloats reverseOverForward)

        let curvature = trial.Floats(dots forwardOverReverse trial.V)

        let forwardOverForward =
            jvp (fun xs -> snd (jvp trial.Scalar xs trial.V)) trial.X trial.V |> snd

        shouldBeClose $"{what}, forward over forward" 1e-10 curvature (trial.Floats forwardOverForward))
