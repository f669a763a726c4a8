// Lesson 9, part 02b: why the first weights matter.
//
//     dotnet build -c Release
//     dotnet fsi scripts/lesson09/02b-initializing.fsx
//
// It needs no pictures: all inputs are random. The page is runs/lesson09/02b-initializing.html. Everything is in float32,
// whose largest number (3.4e38) and smallest (1e-45) are what the first experiments run into.

#load "_lesson.fsx"

open System
open FunctionalDL.Core
open FunctionalDL.Data
open Lesson

let options = Lesson.options "02b-initializing" fsi.CommandLineArgs

let key name =
    Key.child name (Key.ofSeed options.Seed)

let numbered name i =
    Key.at (Tensor.ofInt64s [] [| int64 i |]) (key name)

let size = 512
let normal shape key = Key.normal DType.Float32 shape key

// ---- 1. A hundred products ----------------------------------------

let x = normal [ size ] (key "x")
let a = normal [ size; size ] (key "a")

/// `a·x`, `a·(a·x)`, …: as many as are asked for.
let products (a: Tensor) count =
    let step = Compile.run (fun (a, x) -> Tensor.matmul a x)

    Seq.init count ignore |> Seq.scan (fun x () -> step (a, x)) x |> Seq.skip 1

let root = sqrt (float size)
let orthogonal = Init.orthogonal DType.Float32 1.0 [ size; size ] (key "orthogonal")
let chains = [ "1", a; "0.01", a * 0.01; "1/√512", a / root; "orthogonal", orthogonal ]
let steps = 100
let deviations = [ for name, a in chains -> name, [ for y in products a steps -> snd (stats y) ] ]
let last a = Seq.last (products a steps)

/// The course's loop ends when the deviation is not equal to itself, which only NaN is not. The deviation is taken
/// in float32, as there.
let breaksAt =
    products a steps
    |> Seq.map (Tensor.std 1 [] >> Tensor.item)
    |> Seq.findIndex Double.IsNaN

let hundred =
    section "A hundred products" [
        text
            """
            A deep network is a row of products with matrices. Take a vector of 512 normal numbers, multiply it by a
            matrix of normal numbers, the result by the matrix again, and so on. Each product is a sum of 512
            terms, so its deviation is √512 = 22.6 times larger: after 28 products float32 has no more
            numbers, one element becomes infinite, and the difference of two infinities is not a number. NaN spreads to
            everything at the next product.

            Weights a hundred times smaller go the other way: each product makes the vector 4.4 times smaller, and
            after some 70 of them the smallest float32 is too large; what remains is exactly 0. A network that
            begins like this has no gradients and never learns.

            With the factor 1/√512 the sum has the deviation of its terms. It neither explodes nor vanishes, though
            with one and the same matrix a hundred times the largest of its directions decides in the end, so
            that the last deviation may be anything from 0.5 to 70. An orthogonal matrix only turns the
            vector, and keeps its length exactly.
            """
        formula
            """
            y = a·x        std(y) = √512 · std(a) · std(x)
            """
        figures [
            Figure.create
                "Deviation after each product, by the factor of the weights"
                (Axis.whole "products")
                (Axis.log "deviation")
                [ for name, values in deviations -> Trace.line name [ 1.0 .. float steps ] values ]
            |> Figure.annotate (float breaksAt) 1e36 $"NaN in round {breaksAt}"
        ]
    ]

let isNan (x: Tensor) =
    let mean, std = stats x
    Double.IsNaN mean && Double.IsNaN std

let onceMean, onceStd = stats (last (a * 0.01))
let evenMean, evenStd = stats (last (a / root))

let lengthRatio =
    let norm (x: Tensor) =
        Tensor.item (Tensor.sqrt (Tensor.sum (Tensor.square (Tensor.cast DType.Float64 x))))

    norm (Tensor.matmul orthogonal x) / norm x

let identityError =
    Tensor.matmul (Tensor.t orthogonal) orthogonal - Tensor.eye size
    |> Tensor.abs
    |> Tensor.amax
    |> Tensor.item

let hundredChecks = [
    Check.holds
        "E2b-01, row 18"
        "100 products with N(0, 1): mean, std"
        "nan, nan"
        "NaN"
        $"{fst (stats (last a))}, {snd (stats (last a))}"
        (isNan (last a))
    Check.number
        "E2b-02, row 18"
        "the round in which the deviation is NaN"
        "28"
        (Between(26.0, 29.0))
        (float breaksAt)
    Check.numbers "E2b-03, row 19" "100 products with 0.01 · N(0, 1)" "0., 0." [
        "mean", Near(0.0, 0.0), onceMean
        "std", Near(0.0, 0.0), onceStd
    ]
    Check.numbers "E2b-04, row 20" "100 products with N(0, 1)/√512" "-0.0171, 0.9270" [
        "mean", Between(-1e4, 1e4), evenMean
        "std", Between(0.05, 2000.0), evenStd
    ]
    Check.number "E2b-05" "1/√512" "0.044194173824159216" (Near(0.044194173824159216, 1e-15)) (1.0 / root)
    Check.numbers "row 23" "an orthogonal matrix: max |wᵀw - 1|, length of w·x by that of x" "" [
        "", AtMost 1e-4, identityError
        "", Near(1.0, 1e-4), lengthRatio
    ]
]

// ---- 2. One product ----------------------------------------

let repeats = if options.IsQuick then 20 else 100
let clock = Diagnostics.Stopwatch.StartNew()

/// Mean and mean square of `f (a·x)`, on average over repeats with new matrices and vectors. One compiled
/// function does the work of a repeat; its key is an argument.
let repeated name (scale: float) f =
    let once =
        Compile.run (fun key ->
            let y =
                f (
                    Tensor.matmul
                        (normal [ size; size ] (Key.child "a" key) * scale)
                        (normal [ size ] (Key.child "x" key))
                )

            Tensor.mean y, Tensor.mean (Tensor.square y))

    [ for i in 1..repeats -> once (numbered name i) ]
    |> List.map (fun (mean, square) -> Tensor.item mean, Tensor.item square)
    |> List.unzip
    |> fun (means, squares) -> List.average means, List.average squares

let plain = repeated "plain" 1.0 id
let rectified = repeated "rectified" 1.0 Tensor.relu
let kaiming = repeated "kaiming" (sqrt (2.0 / float size)) Tensor.relu

/// The same for numbers instead of vectors: 10,000 products of two normal numbers.
let scalars name f =
    let y = f (normal [ 10000 ] (key $"{name} a") * normal [ 10000 ] (key $"{name} x"))
    Tensor.item (Tensor.mean y), Tensor.item (Tensor.mean (Tensor.square y))

let scalarPlain = scalars "scalar" id
let scalarRectified = scalars "rectified scalar" Tensor.relu
let elapsed = clock.Elapsed.TotalSeconds

/// An element of the product is the sum of products of a row with the vector.
let elementwise =
    let row i = Tensor.sum (Tensor.narrow 0 i 1 a * x)

    Tensor.stack 0 [ for i in [ 0; 17; 511 ] -> row i ],
    Tensor.stack 0 [ for i in [ 0; 17; 511 ] -> Tensor.sum (Tensor.narrow 0 i 1 (Tensor.matmul a x)) ]

let one =
    section "One product, and what a ReLU takes" [
        text
            """
            Two independent normal numbers have a product with mean 0 and variance 1. A sum of 512 of them has mean 0 and variance
            512: that is where √512 comes from. A ReLU sets half of them to 0. What remains has half of the mean
            square, and a mean above 0: 1/π = 0.318 for a single product, √(512/2π) = 9.03 for the sum. That is why He's
            initialisation has a 2: with the factor √(2/512) the mean square behind the ReLU is 1 again.
            """
        formula
            """
            E[a·x] = 0      E[(a·x)²] = 1          for a, x ~ N(0, 1)
            E[relu(a·x)²] = ½
            kaiming: std(a) = √(2/n)   =>   E[relu(Σ a·x)²] = 1
            """
        figures [
            let y = Tensor.matmul (a * sqrt (2.0 / float size)) x
            let bins = { Start = -4.0; End = 4.0; Size = 0.25 }

            Figure.create
                "Elements of a·x with the factor √(2/512)"
                (Axis.named "value")
                (Axis.named "how many")
                [
                    Trace.histogramIn bins "before the ReLU" (Tensor.toFloats y)
                    Trace.histogramIn bins "behind it" (Tensor.toFloats (Tensor.relu y))
                ]
        ]
    ]

let pair id quantity printed meanBand squareBand (mean, square) =
    Check.numbers id quantity printed [ "mean", meanBand, mean; "mean square", squareBand, square ]

let oneChecks = [
    Check.stats "E2b-06" "512 normal numbers" "0.0144, 1.0207" (Near(0.0, 0.2)) (Between(0.87, 1.13)) x
    Check.near "row 21" "three elements of a·x against their sums" "" [ elementwise ]
    Check.text "row 21" "shape of a·x" "(512)" "(512)" (sizes (Tensor.matmul a x))
    pair
        "E2b-07, row 21"
        $"a·x, {repeats} repeats"
        "0.0118, 516.79"
        (Near(0.0, 0.5))
        (Between(490.0, 535.0))
        plain
    |> Check.onlyIf (not options.IsQuick) "for 100 repeats"
    pair
        "E2b-08, row 21"
        "products of two numbers, 10,000"
        "0.01327, 0.98962"
        (Near(0.0, 0.045))
        (Between(0.88, 1.13))
        scalarPlain
    pair
        "E2b-09, row 21"
        "ReLU of them"
        "0.31331, 0.49030"
        (Between(0.29, 0.345))
        (Between(0.41, 0.59))
        scalarRectified
    pair "E2b-10, row 21" "ReLU of a·x" "9.0052, 257.37" (Between(8.7, 9.4)) (Between(240.0, 275.0)) rectified
    |> Check.onlyIf (not options.IsQuick) "for 100 repeats"
    pair
        "E2b-11, row 21"
        "ReLU of a·x with √(2/512)"
        "0.56433, 1.00552"
        (Between(0.54, 0.59))
        (Between(0.93, 1.07))
        kaiming
    |> Check.onlyIf (not options.IsQuick) "for 100 repeats"
    Check.number "row 21" "seconds for all repeats" "" (AtMost 5.0) elapsed
]

// ---- 3. Many layers ----------------------------------------

let depth = 30
let batch = normal [ 256; size ] (key "batch")

let initialisations = [
    "N(0, 0.01²)", (fun shape key -> Init.normal DType.Float32 0.0 0.01 shape key)
    "Xavier", (fun shape key -> Init.xavierNormal DType.Float32 1.0 shape key)
    "Kaiming", (fun shape key -> Init.kaimingNormal DType.Float32 0.0 shape key)
    "orthogonal · √2", (fun shape key -> Init.orthogonal DType.Float32 (sqrt 2.0) shape key)
]

let weightsOf init = [ for i in 1..depth -> init [ size; size ] (numbered "layer" i) ]

/// What comes out of each layer: `relu (w·x)`, thirty times.
let activations (weights: Tensor list) =
    weights
    |> List.scan (fun x w -> Tensor.relu (Tensor.linear w None x)) batch
    |> List.tail

/// A loss whose gradient at the last layer is of the size of its output.
let gradients weights =
    let loss weights =
        Tensor.mean (Tensor.square (List.last (activations weights))) / 2.0

    grad loss weights

let looked =
    initialisations
    |> List.map (fun (name, init) ->
        let weights = weightsOf init
        let outputs, slopes = activations weights, gradients weights
        Tensor.eval (outputs @ slopes)
        name, List.map stats outputs, List.map (stats >> snd) slopes, outputs)

let layers = [ 1.0 .. float depth ]

let byDepth title axis value =
    Figure.create title (Axis.whole "layer") axis [
        for name, outputs, slopes, _ in looked -> Trace.line name layers (value outputs slopes)
    ]

let histograms =
    [
        for name, _, _, outputs in looked do
            if name = "Xavier" || name = "Kaiming" then
                Figure.create
                    $"{name}: activations above 0"
                    (Axis.between 0.0 3.0 "activation")
                    (Axis.named "how many")
                    [
                        for layer in [ 1; 5; 30 ] ->
                            outputs[layer - 1]
                            |> Tensor.narrow 0 0 64
                            |> Tensor.toFloats
                            |> Array.filter (fun v -> v > 0.0)
                            |> Trace.histogramIn { Start = 0.0; End = 3.0; Size = 0.1 } $"layer {layer}"
                    ]
    ]
    |> Figure.grid "Histograms by depth" 2

let deep =
    section "Thirty layers with ReLU" [
        text
            """
            The same for a network: thirty layers of 512 units with a ReLU, and four ways to draw the first weights.
            Xavier's (X. Glorot, Y. Bengio, 2010) keeps the variance of a linear layer and knows of no
            ReLU: each layer halves the mean square, so thirty of them leave a 2⁻¹⁵ of the deviation. Kaiming's makes up for the
            ReLU. An orthogonal matrix times √2 does so too, without the chance of random lengths.

            What holds for activations on the way forward holds for gradients on the way back. Look at the axis of
            the third figure: with Xavier's weights the gradients of all layers are a thousand million times smaller
            than with Kaiming's; with N(0, 0.01²) float32 has no numbers for them, and there is no line.
            """
        figures [
            byDepth "Deviation of the activations" (Axis.log "deviation") (fun outputs _ ->
                List.map snd outputs)
            byDepth "Mean of the activations" (Axis.log "mean") (fun outputs _ -> List.map fst outputs)
            byDepth "Deviation of the weights' gradients" (Axis.log "deviation") (fun _ slopes -> slopes)
            histograms
        ]
    ]

let find name =
    looked |> List.find (fun (n, _, _, _) -> n = name)

/// The mean square behind the last layer: `mean² + std²`.
let lastSquare name =
    let _, outputs, _, _ = find name
    let mean, std = List.last outputs
    mean * mean + std * std

let deepChecks = [
    Check.number
        "row 23"
        "mean square behind layer 30, orthogonal · √2"
        ""
        (Between(0.2, 5.0))
        (lastSquare "orthogonal · √2")
    Check.number
        "theory: 1"
        "mean square behind layer 30, Kaiming"
        ""
        (Between(0.1, 10.0))
        (lastSquare "Kaiming")
    Check.number
        "theory: 2⁻³⁰ = 9.3e-10"
        "the same, Xavier"
        ""
        (Between(9.3e-11, 9.3e-9))
        (lastSquare "Xavier")
]

// ---- 4. Seeds ----------------------------------------

let draws key = Tensor.toFloat32s (normal [ size ] key)
let again = draws (Key.ofSeed 42L) = draws (Key.ofSeed 42L)
let unlike = draws (Key.unseeded ()) <> draws (Key.unseeded ())

let seeds =
    section "With a seed and without" [
        text
            """
            The course sets no seed, so that one sees how much a number moves from run to run. Here every random number comes from
            a key, which is a value like any other: the same key gives the same bits, on any number of threads, and a key
            that nobody can foretell is there for those who want one. Change --seed, and all figures of this page are drawn
            anew.
            """
    ]

let seedChecks = [
    Check.holds
        "row 24"
        "two runs with one seed are equal to the bit"
        ""
        "equal"
        (if again then "equal" else "different")
        again
    Check.holds
        "row 24"
        "two runs without a seed differ"
        ""
        "different"
        (if unlike then "different" else "equal")
        unlike
]

Lesson.finish
    options
    "Lesson 9, part 02b: initializing"
    [ hundred; one; deep; seeds ]
    (hundredChecks @ oneChecks @ deepChecks @ seedChecks)
