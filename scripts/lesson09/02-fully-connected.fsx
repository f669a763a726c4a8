// Lesson 9, part 02: a fully connected network, forwards and backwards.
//
//     dotnet build -c Release
//     dotnet fsi scripts/lesson09/02-fully-connected.fsx --data ../shared/data/mnist
//
// Without --data it runs on data/digits, where the bands of MNIST do not apply. It writes a page with the text, the
// figures and the verdicts: runs/lesson09/02-fully-connected.html. The ladder goes from gradients written by hand to
// gradients that nobody writes.

#load "_lesson.fsx"

open FunctionalDL.Core
open FunctionalDL.Data
open Lesson

let options = Lesson.options "02-fully-connected" fsi.CommandLineArgs
let digits = Lesson.digits options

let key name =
    Key.child name (Key.ofSeed options.Seed)

let ofMnist = Check.ofMnist digits

// ---- 1. The data ----------------------------------------

let rawMean, rawStd = stats digits.TrainX

/// Both sets are normalised by the training set's figures: the validation set is what we have not seen.
let normalize (x: Tensor) = (x - rawMean) / rawStd

let xTrain, xValid = normalize digits.TrainX, normalize digits.ValidX
let n, m = xTrain.Shape[0], xTrain.Shape[1]
let classes = int (Tensor.item (Tensor.amax digits.TrainY)) + 1

let data =
    section "The data" [
        text
            """
            A picture is a row of 784 numbers, a pixel each. Nets train best when numbers have a mean of 0 and a
            standard deviation of 1, so we subtract the mean of the training pictures and divide by their
            deviation. The validation pictures are treated with the same two numbers, not with their own: the net
            must meet them on the scale that it was trained on. That is why their mean is only about 0 below.
            """
        figures [
            gallery "The first ones" 7 (Tensor.narrow 0 0 14 digits.TrainX) [
                for label in Tensor.toInt64s (Tensor.narrow 0 0 14 digits.TrainY) -> $"{label}"
            ]
        ]
        formula
            """
            x <- (x - mean of x_train) / std of x_train
            """
    ]

let trainMean, trainStd = stats xTrain
let validMean, validStd = stats xValid

let dataChecks = [
    Check.numbers "E02-01, row 1" "pixels of the training pictures" "0.1304, 0.3073" [
        "mean", Near(0.13045, 1e-4), rawMean
        "std", Near(0.30729, 1e-4), rawStd
    ]
    |> ofMnist
    Check.numbers "E02-02, row 1" "the same, normalised" "3.06e-05, 1" [
        "mean", Near(0.0, 1e-3), trainMean
        "std", Near(1.0, 1e-3), trainStd
    ]
    Check.text "E02-03" "pictures, pixels, classes" "50000, 784, 10" "50000, 784, 10" $"{n}, {m}, {classes}"
    |> ofMnist
    Check.numbers
        "E02-05, row 1"
        "validation pictures, normalised by the training set's figures"
        "-0.0058, 0.9924"
        [ "mean", Near(-0.005851, 1e-4), validMean; "std", Near(0.992433, 1e-4), validStd ]
    |> ofMnist
]

// ---- 2. What a layer does to the scale ----------------------------------------

let hidden = 50
let lin (w: Tensor) (b: Tensor) (x: Tensor) = Tensor.matmul x w + b
let b1, b2 = Tensor.zeros [ hidden ], Tensor.zeros [ 1 ]

let normal name shape scale =
    Key.normal DType.Float32 shape (key name) * scale

/// Scaled by the inputs that each output sums over: a sum of 784 products has 784 times the variance.
let simple = normal "simple" [ m; hidden ] (1.0 / sqrt (float m))

/// He's: a ReLU takes away half of the variance, so we give twice as much.
let kaiming = normal "kaiming" [ m; hidden ] (sqrt (2.0 / float m))

/// The same from the library. A weight is [out; in] there; ours is [in; out], so its "outputs" are our inputs.
let library =
    Init.kaimingNormalBy Fan.Out DType.Float32 (Init.gain 0.0) [ m; hidden ] (key "library")

let w2 = normal "w2" [ hidden; 1 ] (1.0 / sqrt (float hidden))

let shifted x = Tensor.relu x - 0.5
let linear w = lin w b1 xValid

let histogram title (traces: (string * Tensor) list) =
    let bins = { Start = -4.0; End = 4.0; Size = 0.2 }

    Figure.create title (Axis.named "activation") (Axis.named "how many") [
        for name, x in traces -> Trace.histogramIn bins name (x |> Tensor.narrow 0 0 500 |> Tensor.toFloats)
    ]

let scales = [
    "1/√784", linear simple
    "1/√784, ReLU", Tensor.relu (linear simple)
    "√(2/784), ReLU", Tensor.relu (linear kaiming)
    "√(2/784), ReLU - ½", shifted (linear kaiming)
]

let scale =
    section "What a layer does to the scale" [
        text
            """
            An output of a linear layer is a sum of 784 products. If inputs and weights are independent with mean 0,
            the variance of the sum is 784 times the weights' variance: weights of deviation 1/√784 give
            outputs as large as the inputs. The ReLU behind it sets the negative half to 0, which halves the mean
            square and lifts the mean to 0.4. He's initialisation (K. He and others, "Delving deep into
            rectifiers", 2015) gives the weights twice the variance, so that the mean square behind the ReLU is
            that of the inputs. The mean is still above 0; taking ½ off all outputs moves it to about 0 and
            leaves the deviation as it is.

            Look at the bars: the deviation of the second is far below 1, that of the third nearer to it. After one layer it
            hardly matters; part 02b shows what it does after many.
            """
        formula
            """
            y = x·w + b        var(y) = fan_in · var(w) · mean(x²)
            simple:   w ~ N(0, 1/784)
            kaiming:  w ~ N(0, 2/784)
            """
        figures [
            histogram "Weights of deviation 1/√784" [
                "linear", linear simple
                "ReLU", Tensor.relu (linear simple)
            ]
            Figure.create "Mean and deviation of the activations" (Axis.named "") (Axis.named "") [
                Trace.bar "mean" (List.map fst scales) (scales |> List.map (snd >> stats >> fst))
                Trace.bar "deviation" (List.map fst scales) (scales |> List.map (snd >> stats >> snd))
            ]
        ]
        text
            """
            PyTorch's function with mode='fan_out' is the right one for this matrix, though we want to keep what
            flows forward: it reads a shape as (outputs, inputs), the way its linear layer stores it, and our
            matrix is the other way round.
            """
    ]

let simpleMean, simpleStd = stats simple

let stored =
    Layer.variables
        {
            DType = DType.Float32
            Key = key "stored"
        }
        (Layer.linear m hidden)

let storedWeight = Tree.find "weight" stored.Parameters

let scaleChecks = [
    Check.numbers "E02-04" "weights of deviation 1/√784: |mean|, |std - 1/28|" "both < 1e-3" [
        "", AtMost 1e-3, abs simpleMean
        "", AtMost 1e-3, abs (simpleStd - 1.0 / 28.0)
    ]
    Check.stats
        "E02-06"
        "x·w + b with them"
        "0.2035, 1.0095"
        (Between(-0.35, 0.35))
        (Between(0.85, 1.15))
        (linear simple)
    |> ofMnist
    Check.stats
        "E02-07"
        "ReLU of it"
        "0.5063, 0.6765"
        (Between(0.25, 0.55))
        (Between(0.45, 0.72))
        (Tensor.relu (linear simple))
    |> ofMnist
    Check.stats "E02-08" "He's weights" "0.0001, 0.0508" (Near(0.0, 1.5e-3)) (Between(0.0495, 0.0515)) kaiming
    Check.stats
        "E02-09"
        "ReLU of x·w + b with them"
        "0.5678, 0.8491"
        (Between(0.35, 0.78))
        (Between(0.62, 1.05))
        (Tensor.relu (linear kaiming))
    |> ofMnist
    Check.stats
        "E02-10, row 10"
        "the library's, fan_out of a (784, 50) matrix"
        "-0.0001, 0.0502"
        (Near(0.0, 1.5e-3))
        (Between(0.0495, 0.0515))
        library
    Check.stats
        "E02-11"
        "ReLU of x·w + b with them"
        "0.5542, 0.8006"
        (Between(0.35, 0.78))
        (Between(0.62, 1.05))
        (Tensor.relu (linear library))
    |> ofMnist
    Check.text
        "E02-12, row 22"
        "shape of our weight; of the library's linear layer"
        "(784, 50); (50, 784)"
        "(784, 50); (50, 784)"
        $"{sizes simple}; {sizes storedWeight}"
    Check.stats
        "E02-13"
        "ReLU - ½ with He's weights"
        "0.1071, 0.8995"
        (Between(-0.15, 0.28))
        (Between(0.62, 1.05))
        (shifted (linear kaiming))
    |> ofMnist
]

// ---- 3. The network and its loss ----------------------------------------

let model (w1: Tensor, b1, w2: Tensor, b2) x = x |> lin w1 b1 |> shifted |> lin w2 b2

let parameters = kaiming, b1, w2, b2

/// Mean square of the differences; the column of outputs becomes a row like the targets.
let mse (target: Tensor) (output: Tensor) =
    Tensor.mean (Tensor.square (Tensor.squeeze -1 output - target))

let yTrain = Tensor.cast DType.Float32 digits.TrainY

/// What happens without `squeeze`: every output meets every target.
let broadcast =
    let y = Tensor.ofFloats [ 4 ] [| 0.0; 1.0; 2.0; 3.0 |]
    let column = Tensor.reshape [ 4; 1 ] y
    Tensor.item (Tensor.mean (Tensor.square (column - y))), Tensor.item (mse y column)

let refused =
    let y = Tensor.zeros [ 4 ]

    try
        Loss.mse y (Tensor.reshape [ 4; 1 ] y) |> Tensor.item |> string
    with :? ShapeException as e ->
        e.Message

let loss =
    section "The network and its loss" [
        text
            """
            Two linear layers with a shifted ReLU between them give one number for each picture. As a loss we take
            the mean square of the differences to the label, which is not sensible for classes (part 03 has
            the right one) but has gradients that are short to write down.

            The outputs are a column, the targets a row. Their difference would be broadcast to a square: each
            output minus each target. Nothing complains, and the number is wrong. So the column is squeezed; the
            library's own loss refuses shapes that differ.
            """
        formula
            """
            model x = lin w2 b2 (relu (lin w1 b1 x) - ½)
            mse     = mean (squeeze output - target)²
            """
        [ Block.Paragraph $"Loss.mse of a column and a row answers: {refused}." ]
    ]

let lossOf parameters x target = mse target (model parameters x)
let forwardTime = seconds (fun () -> Tensor.eval [ model parameters xValid ])

let lossChecks = [
    Check.told "E02-14" $"time of the model on {xValid.Shape[0]} pictures" "8.41 ms" (duration forwardTime)
    Check.text
        "E02-15"
        "shape of its outputs for the validation pictures"
        "(10000, 1)"
        "(10000, 1)"
        (sizes (model parameters xValid))
    |> ofMnist
    Check.text
        "E02-16"
        "for the training pictures"
        "(50000, 1)"
        "(50000, 1)"
        (sizes (model parameters xTrain))
    |> ofMnist
    Check.number
        "E02-17"
        "loss of the untrained network"
        "33.47"
        (Between(15.0, 45.0))
        (Tensor.item (lossOf parameters xTrain yTrain))
    |> ofMnist
    Check.numbers "G-4, row 17" "mean square of equal numbers, as column and row; squeezed" "2.5; 0" [
        "", Near(2.5, 0.0), fst broadcast
        "", Near(0.0, 0.0), snd broadcast
    ]
    Check.holds
        "row 17"
        "the library's loss of a column and a row"
        ""
        "an error that names both shapes"
        refused
        (refused.Contains "[4; 1]" && refused.Contains "[4]")
]

// ---- 4. Gradients by hand ----------------------------------------

let mseGrad (target: Tensor) (output: Tensor) =
    2.0 * (output - Tensor.unsqueeze 1 target) / float target.Shape[0]

/// The shift by ½ is a constant: it has no gradient of its own.
let reluGrad (input: Tensor) (g: Tensor) =
    Tensor.where (Tensor.gt input (Tensor.zerosLike input)) g (Tensor.zerosLike g)

let linGrad (input: Tensor) (w: Tensor) (g: Tensor) =
    Tensor.matmul g (Tensor.t w), Tensor.matmul (Tensor.t input) g, Tensor.sumAxes [ 0 ] g

/// Gradients of the loss with respect to the input, w1, b1, w2 and b2.
let byHand (w1, b1, w2, b2) x target =
    // Forwards, keeping what each step was given.
    let l1 = lin w1 b1 x
    let l2 = shifted l1
    let output = lin w2 b2 l2
    // Backwards, last step first.
    let g = mseGrad target output
    let l2Grad, w2Grad, b2Grad = linGrad l2 w2 g
    let l1Grad = reluGrad l1 l2Grad
    let xGrad, w1Grad, b1Grad = linGrad x w1 l1Grad
    [ xGrad; w1Grad; b1Grad; w2Grad; b2Grad ]

/// The same, of which nobody wrote a rule.
let automatic (w1, b1, w2, b2) x target =
    let loss (x, w1, b1, w2, b2) = lossOf (w1, b1, w2, b2) x target
    let xGrad, w1Grad, b1Grad, w2Grad, b2Grad = grad loss (x, w1, b1, w2, b2)
    [ xGrad; w1Grad; b1Grad; w2Grad; b2Grad ]

let expected = automatic parameters xTrain yTrain
let manual = byHand parameters xTrain yTrain
Tensor.eval (expected @ manual)

let hand =
    section "Gradients by hand" [
        text
            """
            The chain rule, read from the end: each step is given the gradient of the loss with respect to its
            output, and gives back that with respect to its input and its parameters. For that it needs to
            know what its input was, so the way forward keeps all of them.
            """
        formula
            """
            mse:   ∂L/∂out = 2 (out - target) / n
            relu:  ∂L/∂in  = ∂L/∂out where in > 0, else 0
            lin:   ∂L/∂x   = ∂L/∂y · wᵀ      ∂L/∂w = xᵀ · ∂L/∂y      ∂L/∂b = Σ ∂L/∂y
            """
        text
            """
            The last line is worth a look at the shapes alone: x is (n, 784), ∂L/∂y is (n, 50), and w is (784, 50);
            there is only one product of the first two that has the shape of w.
            """
    ]

let handChecks = [
    Check.near
        "E02-18, row 55"
        $"gradients by hand against grad, {n} pictures (input, w1, b1, w2, b2)"
        "5 tests passed"
        (List.zip manual expected)
]

// ---- 5. Steps that know their way back ----------------------------------------

/// A step gives its output, and the way back: from the gradient of its output to those of its input and of its
/// parameters. The course writes a class with `forward` and `backward` here, and keeps the input in a field; a
/// function that returns a function keeps it by itself.
type Step = Tensor -> Tensor * (Tensor -> Tensor * Tensor list)

/// One step after another; the ways back in the opposite order.
let (>=>) (first: Step) (second: Step) : Step =
    fun x ->
        let y, firstBack = first x
        let z, secondBack = second y

        z,
        fun g ->
            let yGrad, secondGrads = secondBack g
            let xGrad, firstGrads = firstBack yGrad
            xGrad, firstGrads @ secondGrads

/// The gradient of a weight in several ways. All products of an input with a gradient, summed over the pictures:
let outer (x: Tensor) (g: Tensor) =
    Tensor.sumAxes [ 0 ] (Tensor.unsqueeze 2 x * Tensor.unsqueeze 1 g)

/// the same with all products in memory before they are summed, as the notebook has it (our engine sums them as they are
/// made),
let outerInMemory (x: Tensor) (g: Tensor) =
    let products = Tensor.unsqueeze 2 x * Tensor.unsqueeze 1 g
    Tensor.eval [ products ]
    Tensor.sumAxes [ 0 ] products

/// the same said by names of axes,
let einsum (x: Tensor) (g: Tensor) = Einsum.einsum "bi,bj->ij" [ x; g ]

/// and as what it is, a product of matrices.
let product (x: Tensor) (g: Tensor) = Tensor.matmul (Tensor.t x) g

let linStep weightGrad w b : Step =
    fun x -> lin w b x, (fun g -> Tensor.matmul g (Tensor.t w), [ weightGrad x g; Tensor.sumAxes [ 0 ] g ])

let reluStep: Step = fun x -> shifted x, (fun g -> reluGrad x g, [])

let mseStep target : Step =
    fun x -> mse target x, (fun g -> mseGrad target x * g, [])

let chain weightGrad (w1, b1, w2, b2) target : Step =
    linStep weightGrad w1 b1
    >=> reluStep
    >=> linStep weightGrad w2 b2
    >=> mseStep target

let bySteps weightGrad parameters x target =
    let loss, back = chain weightGrad parameters target x
    let xGrad, grads = back (Tensor.onesLike loss)
    xGrad :: grads

/// The library's: layers are data, and the derivative follows from what they compute.
let network =
    Layer.sequential [ Layer.linear m hidden; Layer.lambda "shifted relu" shifted; Layer.linear hidden 1 ]

let byLayers (w1: Tensor, b1, w2: Tensor, b2) x target =
    let layer (w: Tensor) b =
        Branch [ "weight", Leaf(Tensor.t w); "bias", Leaf b ]

    let tree = Branch [ "0", layer w1 b1; "1", Tree.empty; "2", layer w2 b2 ]

    let loss (x, tree) =
        Layer.predict
            network
            {
                Parameters = tree
                State = Tree.empty
            }
            x
        |> mse target

    let xGrad, grads = grad loss (x, tree)
    let find path = Tree.find path grads
    [ xGrad; Tensor.t (find "0.weight"); find "0.bias"; Tensor.t (find "2.weight"); find "2.bias" ]

/// All rungs on as many pictures; the outer product of 50,000 would be 8 gigabytes if it were written down.
let few = min n (if options.IsQuick then 200 else 2000)
let xFew, yFew = Tensor.narrow 0 0 few xTrain, Tensor.narrow 0 0 few yTrain

let rungs = [
    "by hand", byHand
    "steps, outer product", bySteps outer
    "steps, einsum", bySteps einsum
    "steps, matrix product", bySteps product
    "grad", automatic
    "the library's layers", byLayers
]

let fewExpected = automatic parameters xFew yFew
Tensor.eval fewExpected

let rungTimes =
    rungs
    |> List.map (fun (name, gradients) ->
        name, seconds (fun () -> Tensor.eval (gradients parameters xFew yFew)))

/// How many times as fast the gradient of the first weight is by `einsum` as in another way.
let timesAsFast (other: Tensor -> Tensor -> Tensor) =
    let g = Key.normal DType.Float32 [ few; hidden ] (key "gradient")
    Tensor.eval [ xFew; g ]

    let time way =
        seconds (fun () -> Tensor.eval [ way xFew g ])

    time other / time einsum

let ladder =
    section "Steps that know their way back" [
        text
            """
            What was one long function falls into steps, each with its way back. A step is a function from its input to
            its output and another function: the way back, which still knows the input. Two steps in a row are a
            step again, so a network is one, and none of them knows of the others.

            The gradient of a weight can be written in three ways. The first builds all products of an input with
            a gradient and sums them over the pictures, which on 50,000 pictures would be 8 gigabytes if they were
            all kept. PyTorch keeps them; here they are added up as they are made. The second names the axes and leaves the order of the work open. The third says that
            it is a product of matrices. All are equal; look at the times.

            The last rungs are the library's: grad derives the way back from the way forward, and a layer is data with
            named parameters. Nothing here was written twice, and nobody can forget a case.
            """
        formula
            """
            type Step = Tensor -> Tensor * (Tensor -> Tensor * Tensor list)

            (first >=> second) x =
                y, firstBack  = first x
                z, secondBack = second y
                z, fun g -> go back through second, then through first
            """
        figures [
            Figure.create
                $"Seconds for all gradients of {few} pictures"
                (Axis.named "")
                (Axis.fromZero "seconds")
                [ Trace.bar "" (List.map fst rungTimes) (List.map snd rungTimes) ]
        ]
    ]

let rung name =
    List.find (fst >> (=) name) rungs |> snd

let same id name =
    Check.near
        id
        $"{name}: gradients of {few} pictures against grad"
        "5 tests passed"
        (List.zip ((rung name) parameters xFew yFew) fewExpected)

let time name =
    List.find (fst >> (=) name) rungTimes |> snd |> duration

let linearAgrees =
    let w, b =
        Key.normal DType.Float32 [ 5; 7 ] (key "agree w"), Key.normal DType.Float32 [ 5 ] (key "agree b")

    let x = Key.normal DType.Float32 [ 3; 7 ] (key "agree x")
    Tensor.linear w (Some b) x, Tensor.matmul x (Tensor.t w) + b

let ladderChecks = [
    Check.told
        "E02-19"
        "forwards and backwards with the outer product"
        "70.7 ms + 3.4 s"
        (time "steps, outer product")
    same "E02-20, row 55" "steps, outer product"
    Check.told "E02-21" "with einsum" "46.3 + 140 ms" (time "steps, einsum")
    Check.number
        "E02-21"
        "the first weight's gradient: times as fast by einsum as by products in memory"
        "24"
        (AtLeast 10.0)
        (timesAsFast outerInMemory)
    |> Check.onlyIf (not options.IsQuick) "for 2000 pictures"
    Check.told "E02-21" "and as by products that are summed as they are made" "" (shown (timesAsFast outer))
    same "E02-22, row 55" "steps, einsum"
    Check.told "E02-23" "with the matrix product" "46.4 + 140 ms" (time "steps, matrix product")
    same "E02-24, row 55" "steps, matrix product"
    Check.told "E02-25" "with the library's layers" "46.3 + 71.1 ms" (time "the library's layers")
    same "row 55" "the library's layers"
    Check.near "row 22" "a linear layer against x·wᵀ + b" "" [ linearAgrees ]
]

Lesson.finish
    options
    "Lesson 9, part 02: fully connected"
    [ data; scale; loss; hand; ladder ]
    (dataChecks @ scaleChecks @ lossChecks @ handChecks @ ladderChecks)
