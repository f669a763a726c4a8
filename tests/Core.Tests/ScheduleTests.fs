/// Schedules: golden lists, ends, and what must hold of each.
module FunctionalDL.Tests.ScheduleTests

open System
open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

/// The values at steps 0, 1, …, `count`.
let private values count (schedule: Schedule) =
    Array.init (count + 1) (fun k -> schedule (float k / float count))

/// lessons.md, section 4.5: the largest rate is 1e-3, and the value after the last step comes last.
let private rates10 = [|
    4e-05
    0.00028
    0.00076
    0.001
    0.00095048463
    0.00081174565
    0.00061126202
    0.00038874198
    0.00018825835
    4.9519368e-05
    4e-09
|]

let private momentums10 = [|
    0.95
    0.925
    0.875
    0.85
    0.854952
    0.868826
    0.888874
    0.911126
    0.931174
    0.945048
    0.95
|]

let private rates20 = [|
    4e-05
    0.00010430781
    0.00028
    0.00052
    0.00076
    0.00093569219
    0.001
    0.00098746401
    0.00095048463
    0.00089091618
    0.00081174565
    0.000716943
    0.00061126202
    0.000500002
    0.00038874198
    0.000283061
    0.00018825835
    0.00010908782
    4.9519368e-05
    1.2539994e-05
    4e-09
|]

let private shouldPrint what (unit: float) (expected: float[]) (actual: float[]) =
    shouldEqual expected.Length actual.Length

    Array.iteri2
        (fun i (e: float) (a: float) ->
            ensure $"{what} {i}: {a:R} does not print as {e}" (abs (a - e) <= 0.5625 * unit))
        expected
        actual

[<Test>]
let ``one cycle has fastai's golden lists (row 86)`` () =
    for cycle in [ Schedule.oneCycleOver 10; (fun options -> Schedule.oneCycle options) ] do
        let rates, momentums = cycle OneCycleOptions.Default
        shouldPrint "rate" 1e-11 rates10 (values 10 rates)
        shouldPrint "momentum" 1e-6 momentums10 (values 10 momentums)

    let rates, momentums = Schedule.oneCycleOver 20 OneCycleOptions.Default
    // The shortest numbers of the list have nine digits after the point.
    shouldPrint "rate" 1e-9 rates20 (values 20 rates)
    // The momentum is the mirror of the rate, on its own scale: both phases go by the same cosines.
    let up = values 20 rates |> Array.map (fun r -> (r - 4e-5) / (1e-3 - 4e-5))
    let down = values 20 momentums |> Array.map (fun m -> (0.95 - m) / 0.1)
    shouldBeClose "mirror on the way up" 1e-12 up[..6] down[..6]

[<Test>]
let ``the way up of one cycle has a whole number of steps`` () =
    // int (7 · 0.3) = 2.
    let rates, _ = Schedule.oneCycleOver 7 OneCycleOptions.Default
    let taken = values 7 rates
    shouldEqual 1e-3 taken[2]
    shouldEqual 1e-3 (Array.max taken)
    // Of two steps each has one, whatever the share.
    let short, _ = Schedule.oneCycleOver 2 OneCycleOptions.Default
    shouldBeClose "two steps" 1e-15 [| 4e-5; 1e-3; 4e-9 |] (values 2 short)

[<Test>]
let ``schedules from one value to another have both at their ends, and keep between them`` () =
    let rows: (string * (float -> float -> Schedule)) list = [
        "linear", Schedule.linear
        "cosine", Schedule.cosine
        "exponential", Schedule.exponential
        "polynomial 2", Schedule.polynomial 2.0
        "polynomial 0.5", Schedule.polynomial 0.5
    ]

    for name, make in rows do
        for first, last in [ 1e-3, 1e-1; 0.5, 0.02 ] do
            let schedule = make first last
            shouldBeClose name 1e-15 [| first; last |] [| schedule 0.0; schedule 1.0 |]
            let taken = values 40 schedule

            let sorted =
                if first < last then
                    Array.sort taken
                else
                    Array.sortDescending taken

            shouldBeExactly $"{name} is monotone" sorted taken

[<Test>]
let ``schedules have the values of their formulas between the ends`` () =
    let at progress (schedule: Schedule) = schedule progress

    shouldBeClose "values" 1e-15 [|
        3.0
        0.25
        1.0 + 1.0 / sqrt 2.0
        4.0
        2.0 + 2.0 * 0.5625
        1.0
        0.1
        0.01
    |] [|
        Schedule.constant 3.0 |> at 0.7
        Schedule.linear 0.0 1.0 |> at 0.25
        // cos 45° = 1 / √2.
        Schedule.cosine 2.0 0.0 |> at 0.25
        // By equal factors, half-way is the geometric mean.
        Schedule.exponential 2.0 8.0 |> at 0.5
        Schedule.polynomial 2.0 4.0 2.0 |> at 0.25
        Schedule.step 1.0 0.1 [ 0.5; 0.8 ] |> at 0.49
        Schedule.step 1.0 0.1 [ 0.5; 0.8 ] |> at 0.5
        Schedule.step 1.0 0.1 [ 0.5; 0.8 ] |> at 1.0
    |]

[<Test>]
let ``combined schedules see their own share from 0 to 1, and the later one holds at a boundary`` () =
    let schedule =
        Schedule.combine [ 0.25, Schedule.linear 0.0 1.0; 0.75, Schedule.linear 5.0 8.0 ]

    shouldBeClose "values" 1e-14 [| 0.0; 0.5; 5.0; 6.0; 8.0 |] [|
        schedule 0.0
        schedule 0.125
        schedule 0.25
        schedule 0.5
        schedule 1.0
    |]

    let warm = Schedule.warmUp 0.2 0.01 (Schedule.cosine 0.5 0.0)

    shouldBeClose
        "warm-up"
        1e-14
        [| 0.01; 0.255; 0.5; 0.25; 0.0 |]
        (Array.map warm [| 0.0; 0.1; 0.2; 0.6; 1.0 |])

[<Test>]
let ``schedules that are not possible are refused when they are made`` () =
    let rows: (string * (unit -> obj)) list = [
        "exponential: 0 and 1; both need to be above 0", fun () -> box (Schedule.exponential 0.0 1.0)
        "polynomial: the degree is 0; it needs to be above 0", fun () -> box (Schedule.polynomial 0.0 1.0 2.0)
        "combine: the shares are [0.5; 0.4]; they need to be above 0 and sum to 1",
        fun () -> box (Schedule.combine [ 0.5, Schedule.constant 1.0; 0.4, Schedule.constant 1.0 ])
        "combine: the shares are []; they need to be above 0 and sum to 1",
        fun () -> box (Schedule.combine [])
        "oneCycle: PctStart is 1; it is in (0, 1)",
        fun () ->
            box (
                Schedule.oneCycle {
                    OneCycleOptions.Default with
                        PctStart = 1.0
                }
            )
        "oneCycle: LrMax is NaN; it needs to be above 0",
        fun () ->
            box (
                Schedule.oneCycle {
                    OneCycleOptions.Default with
                        LrMax = nan
                }
            )
        "oneCycle: there are 1 steps; it needs 2 or more",
        fun () -> box (Schedule.oneCycleOver 1 OneCycleOptions.Default)
    ]

    for message, make in rows do
        raises<OptionException> message (fun () -> make () |> ignore)
