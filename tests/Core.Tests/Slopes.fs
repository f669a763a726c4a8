/// What the tests of the families of operations share: an operation against an independent loop over plain
/// arrays, by value and by every derivative, on every engine.
module FunctionalDL.Tests.Slopes

open System
open FunctionalDL.Core
open FunctionalDL.Tests.Support

// ---- plain arrays -----------------------------------------------------------------------------------------

/// All positions in an array of these sizes, row-major.
let rec cells (sizes: int list) : int list list =
    match sizes with
    | [] -> [ [] ]
    | size :: rest -> [
        for i in 0 .. size - 1 do
            for inner in cells rest -> i :: inner
      ]

/// The flat place of a position.
let flatten (sizes: int list) (position: int list) =
    List.fold2 (fun flat size i -> flat * size + i) 0 sizes position

/// The element at a position.
let at (sizes: int list) (values: float[]) position = values[flatten sizes position]

/// An array of these sizes, element by element.
let build sizes (f: int list -> float) =
    cells sizes |> List.map f |> List.toArray

let sum (values: float seq) = Seq.fold (+) 0.0 values

// ---- checks -----------------------------------------------------------------------------------------------

/// An operation and its inputs: shapes with elements.
type Operation = {
    Name: string
    Apply: Tensor list -> Tensor
    /// The same, as plain loops.
    Loop: float[] list -> float[]
    Inputs: (int list * float[]) list
}

/// A power of 2, so that the points of differences are exact.
let private h = Math.ScaleB(1.0, -10)

let private dot (a: Tensor) (b: Tensor) = Tensor.sum (a * b)

/// How `f` moves along `v`: (f(x + hv) - f(x - hv)) / 2h, which is exact where `f` is of second degree.
let private difference (f: float[] list -> float[]) x v =
    let moved step =
        f (List.map2 (Array.map2 (fun a b -> a + step * b)) x v)

    Array.map2 (fun ahead behind -> (ahead - behind) / (2.0 * h)) (moved h) (moved -h)

/// Fails unless, on every engine, the operation has the loop's values (in float64, in float32, and compiled,
/// to the same bits), the gradient of the loop's differences along every element, reverse mode that
/// transposes forward mode, and second derivatives that are the differences of the first. `degree` 2 or less,
/// in all inputs together, makes differences exact.
let check (operation: Operation) =
    let shapes, values = List.unzip operation.Inputs
    let rng = Random 7
    let v = values |> List.map (fun x -> direction rng x.Length)
    let expected = operation.Loop values
    let u = direction rng expected.Length
    let tensors = List.map2 Tensor.ofFloats shapes
    let x, direction = tensors values, tensors v
    let scalarLoop xs = [| Seq.map2 (*) u (operation.Loop xs) |> sum |]

    let gradient =
        values
        |> List.mapi (fun input elements ->
            Array.init elements.Length (fun element ->
                let unit = values |> List.map (fun e -> Array.zeroCreate<float> e.Length)
                unit[input][element] <- 1.0
                (difference scalarLoop values unit)[0]))
        |> Array.concat

    for engine in engineNames do
        let what = $"{operation.Name} on {engine}"
        let floats = floatsOn (engineOf engine)
        let all xs = xs |> List.map floats |> Array.concat
        let y = operation.Apply x
        shouldBeClose $"{what}: value" 1e-12 expected (floats y)

        let narrow =
            List.map2 (fun shape e -> Tensor.ofFloat32s shape (Array.map float32 e)) shapes values

        let inFloat32 = operation.Apply narrow
        shouldEqual DType.Float32 inFloat32.DType
        shouldBeClose $"{what}: value in float32" 2e-5 expected (floats inFloat32)

        shouldBeExactly
            $"{what}: compiled"
            (floats y)
            (floats (Compile.on (engineOf engine) operation.Apply x))

        let weight = Tensor.ofFloats (dimsOf y) u
        let _, pullback = vjp operation.Apply x
        let backward = pullback weight
        shouldBeClose $"{what}: gradient" 1e-8 gradient (all backward)

        let _, forward = jvp operation.Apply x direction

        shouldBeClose
            $"{what}: transposed"
            1e-12
            (floats (dot weight forward))
            (floats (List.map2 dot backward direction |> List.reduce (+)))

        // Curved even where the operation is linear.
        let slope xs =
            grad
                (fun xs ->
                    let y = operation.Apply xs
                    dot weight (0.5 * (y * y) + y))
                xs

        let _, second = jvp slope x direction
        let differences = difference (tensors >> slope >> all) values v
        shouldBeClose $"{what}: second order" 1e-4 differences (all second)
