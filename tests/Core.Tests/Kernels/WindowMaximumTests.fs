/// Where the largest elements of windows lie, against plain loops.
module FunctionalDL.Tests.Kernels.WindowMaximumTests

open System
open NUnit.Framework
open FunctionalDL.Kernels
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Kernels.Raw

/// Windows of planes; lists have a number for each axis.
type private Windows = {
    Input: int[]
    Kernel: int[]
    Stride: int[]
    Before: int[]
    Dilation: int[]
    Output: int[]
}

/// The indices below some sizes, in row-major order.
let rec private positions sizes =
    match sizes with
    | [] -> [ [] ]
    | first :: rest -> [
        for i in 0 .. first - 1 do
            for tail in positions rest -> i :: tail
      ]

let private flat (sizes: int[]) place =
    List.fold2 (fun at size i -> at * size + i) 0 (List.ofArray sizes) place

/// The first of the largest elements of each window, where a NaN is larger than any number.
let private expected windows (plane: float[]) =
    let isLarger (x: float) (best: float) =
        x > best || (Double.IsNaN x && not (Double.IsNaN best))

    [|
        for o in positions (List.ofArray windows.Output) do
            let mutable best = -1

            for k in positions (List.ofArray windows.Kernel) do
                let place =
                    List.mapi2
                        (fun i o k -> o * windows.Stride[i] + k * windows.Dilation[i] - windows.Before[i])
                        o
                        k

                if
                    place
                    |> List.indexed
                    |> List.forall (fun (i, p) -> p >= 0 && p < windows.Input[i])
                then
                    let at = flat windows.Input place

                    if best < 0 || isLarger plane[at] plane[best] then
                        best <- at

            int64 best
    |]

let private run pool element planes windows (values: float[]) =
    let source = Cells(element, values.Length, 1, Values = values)
    let target = Cells(ElementType.Int64, planes * Array.fold (*) 1 windows.Output, 1)

    let maximum =
        WindowMaximum(
            element,
            planes,
            windows.Input,
            windows.Kernel,
            windows.Stride,
            windows.Before,
            windows.Dilation,
            windows.Output
        )

    maximum.Run(pool, source.Address, target.Address)
    source.KeepAlive()
    target.CheckSurroundings()
    target.Values |> Array.map int64

[<TestCase(ElementType.Float32)>]
[<TestCase(ElementType.Float64)>]
let ``the first of the largest elements of each window is found, on any number of threads`` element =
    let rng = Random 7

    for _ in 1..300 do
        let rank, planes = 1 + rng.Next 3, 1 + rng.Next 4

        let sizes =
            Array.init rank (fun i -> if i = rank - 1 then 1 + rng.Next 70 else 1 + rng.Next 9)

        let kernel = sizes |> Array.map (fun size -> 1 + rng.Next(min 4 size))
        let before = kernel |> Array.map (fun k -> rng.Next k)
        let stride = Array.init rank (fun _ -> 1 + rng.Next 3)

        let windows = {
            Input = sizes
            Kernel = kernel
            Stride = stride
            Before = before
            Dilation = Array.create rank 1
            // The last window starts inside.
            Output = Array.init rank (fun i -> (sizes[i] - 1 + before[i]) / stride[i] + 1)
        }

        let size = Array.fold (*) 1 sizes

        // Few different numbers, so that many tie.
        let values =
            Array.init (planes * size) (fun _ ->
                match rng.Next 12 with
                | 0 -> nan
                | 1 -> -infinity
                | n -> float (n % 4))

        let wanted = values |> Array.chunkBySize size |> Array.collect (expected windows)

        for _, pool in pools do
            shouldEqual (List.ofArray wanted) (List.ofArray (run pool element planes windows values))

[<Test>]
let ``dilated windows are found among many planes`` () =
    let windows = {
        Input = [| 17; 33 |]
        Kernel = [| 3; 2 |]
        Stride = [| 2; 1 |]
        Before = [| 2; 1 |]
        Dilation = [| 2; 3 |]
        Output = [| 9; 32 |]
    }

    let rng = Random 8
    let values = Array.init (40 * 17 * 33) (fun _ -> float (rng.Next 50))

    let wanted =
        values |> Array.chunkBySize (17 * 33) |> Array.collect (expected windows)

    shouldEqual
        (List.ofArray wanted)
        (List.ofArray (run (WorkerPool.Of 5) ElementType.Float32 40 windows values))
