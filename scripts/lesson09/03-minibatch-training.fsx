// Lesson 9, part 03: training with mini-batches.
//
//     dotnet build -c Release
//     dotnet fsi scripts/lesson09/03-minibatch-training.fsx --data ../shared/data/mnist
//
// The loss for classes, six ways to hold a model, seven ways to write the loop: each a little shorter than the one
// before, and all with the same numbers. The course refactors objects here; this is what remains of it when models are
// values and a step is a function. The page is runs/lesson09/03-minibatch-training.html.

#load "_lesson.fsx"

open System
open FunctionalDL.Core
open FunctionalDL.Data
open Lesson

let options = Lesson.options "03-minibatch-training" fsi.CommandLineArgs
let digits = Lesson.digits options

let key name =
    Key.child name (Key.ofSeed options.Seed)

let ofMnist = Check.ofMnist digits

/// Here the pixels are not normalised: they stay in [0, 1).
let xTrain, yTrain, xValid, yValid =
    digits.TrainX, digits.TrainY, digits.ValidX, digits.ValidY

let n, m = xTrain.Shape[0], xTrain.Shape[1]
let classes, hidden, batchSize, rate = 10, 50, 64, 0.5

// ---- 1. The loss for classes ----------------------------------------

/// Model 1 in its simplest form; the others are below.
let network =
    Layer.sequential [ Layer.linear m hidden; ReLU; Layer.linear hidden classes ]

let fresh name =
    Layer.init (key name) [ Shape.ofList [ batchSize; m ] ] network

let untrained = fresh "untrained"
let predictions = Layer.predict network untrained xTrain
Tensor.eval [ predictions ]

let softmaxNaive (x: Tensor) =
    Tensor.exp x / Tensor.sumAxesKeep [ -1 ] (Tensor.exp x)

let logSoftmaxNaive x = Tensor.log (softmaxNaive x)

let logSoftmaxSimple (x: Tensor) =
    x - Tensor.log (Tensor.sumAxesKeep [ -1 ] (Tensor.exp x))

/// `log Σ exp x` without overflow: the largest element is taken out first.
let logSumExp (x: Tensor) =
    let top = fst (Reduce.maxKeep -1 x)
    Tensor.squeeze -1 (top + Tensor.log (Tensor.sumAxesKeep [ -1 ] (Tensor.exp (x - top))))

let logSoftmax x = x - Tensor.unsqueeze -1 (logSumExp x)

/// Picks the logarithm at each label: rows 0, 1, 2, … and the labels as columns.
let nll (target: Tensor) (logProbabilities: Tensor) =
    let rows = Tensor.arange target.Shape[0]
    -(Tensor.mean (Indexing.get [ Pick.Positions rows; Pick.Positions target ] logProbabilities))

let crossEntropy target x = nll target (logSoftmax x)

let picked =
    logSoftmax predictions
    |> Indexing.get [
        Pick.Positions(Tensor.ofInt64s [ 3 ] [| 0L; 1L; 2L |])
        Pick.Positions(Tensor.ofInt64s [ 3 ] [| 5L; 0L; 4L |])
    ]
    |> Tensor.toFloats

let accuracy target output =
    Tensor.item (Metric.ofBatch Metric.accuracy target output)

let lossCurves =
    let z = [ -6.0 .. 0.25..6.0 ]
    let x = Tensor.ofFloats [ z.Length ] (Array.ofList z)
    let logits = Tensor.stack 1 [ x; Tensor.zerosLike x; Tensor.zerosLike x - 2.0 ]
    let softmax = Tensor.softmax 1 logits

    let column i =
        softmax |> Tensor.narrow 1 i 1 |> Tensor.toFloats

    let p = [ 0.01..0.01..1.0 ]

    let crossEntropyOf (target: int) =
        logits
        |> Loss.crossEntropyWith Reduction.None (Tensor.full DType.Int64 [ z.Length ] (float target))
        |> Tensor.toFloats

    [
        Figure.create "Softmax of (z, 0, −2)" (Axis.named "z") (Axis.between 0.0 1.0 "probability") [
            for i, name in List.indexed [ "class 0 (z)"; "class 1 (0)"; "class 2 (−2)" ] ->
                Trace.line name z (column i)
        ]
        Figure.create "Cross entropy of (z, 0, −2)" (Axis.named "z") (Axis.fromZero "loss") [
            for i, name in List.indexed [ "class 0 (z)"; "class 1 (0)"; "class 2 (−2)" ] ->
                Trace.line name z (crossEntropyOf i)
        ]
        Figure.create
            "Loss by the probability of the right class"
            (Axis.named "probability")
            (Axis.fromZero "−log p")
            [ Trace.line "" p (p |> List.map (fun p -> -log p)) ]
        |> Figure.annotate 0.1 (log 10.0) "a guess among ten: 2.30"
    ]

let lossSection =
    section "The loss for classes" [
        text
            """
            A network for ten classes gives ten numbers, of any size. Softmax makes probabilities of them: exp makes them positive, the
            sum makes them add up to 1. A class that is ahead by 1 is e times as probable as the next. The loss is minus the logarithm of the
            probability that the right class was given: 0 when it is 1, and without bound as it goes to 0. Why the logarithm? Because
            probabilities of many independent pictures multiply and logarithms add, and because together with
            exp it leaves a slope that does not fade: probability minus truth.

            Look at the second figure: where the right class is far behind, the loss is a straight line, so its slope stays 1 however wrong
            the network is.
            """
        formula
            """
            softmax(x)ᵢ = exp xᵢ / Σⱼ exp xⱼ
            log softmax(x)ᵢ = xᵢ − log Σⱼ exp xⱼ
            log Σⱼ exp xⱼ = a + log Σⱼ exp(xⱼ − a)      with a = max x: nothing overflows
            loss = −mean over pictures of log softmax(x) at the label
            """
        figures lossCurves
        text
            """
            A vector of zeros and ones times the logarithms would pick the right one; an index does it without the nine products with
            0. All forms of the table agree; only the naive one breaks when a number is so large that exp of
            it is infinite.
            """
    ]

let g4 = Tensor.ofFloats [ 3 ] [| 2.0; 1.0; 0.0 |]
let large = Tensor.ofFloats [ 3 ] [| 1000.0; 1000.0; 1000.0 |]
let two = Tensor.ofFloats [ 2; 3 ] [| 2.0; 1.0; 0.0; 0.0; 1.0; 3.0 |]
let twoLabels = Tensor.ofInt64s [ 2 ] [| 0L; 1L |]
let rowSums = Tensor.sumAxes [ -1 ] (Tensor.softmax -1 predictions)
let first64 = Tensor.narrow 0 0 batchSize xTrain
let first64Y = Tensor.narrow 0 0 batchSize yTrain
let first64Out = Layer.predict network untrained first64
let naiveLarge = Tensor.item (Tensor.log (Tensor.sum (Tensor.exp large)))

let outOfRange =
    try
        Loss.crossEntropy (Tensor.ofInt64s [ 2 ] [| 0L; 3L |]) two
        |> Tensor.item
        |> string
    with :? FunctionalDLException as e ->
        e.Message

/// The same element three times: its derivative is 3.
let repeatedIndex =
    grad (fun x -> Tensor.sum (Indexing.get [ Pick.Positions(Tensor.ofInt64s [ 3 ] [| 1L; 1L; 1L |]) ] x)) g4
    |> Tensor.toFloats

let lossChecks = [
    Check.text
        "E03-01"
        "first labels"
        "5, 0, 4"
        "5, 0, 4"
        (yTrain
         |> Tensor.narrow 0 0 3
         |> Tensor.toInt64s
         |> Array.map string
         |> String.concat ", ")
    |> ofMnist
    Check.numbers
        "E03-02, row 27"
        "log-softmax at rows 0, 1, 2 and columns 5, 0, 4, untrained"
        "-2.2674, -2.1714, -2.3043"
        [ for value in picked -> ("", Between(-2.75, -1.9), value) ]
    |> ofMnist
    Check.text "E03-03" "training pictures" "50000" "50000" $"{n}" |> ofMnist
    Check.number
        "E03-04, row 29"
        "loss of all training pictures, untrained"
        "2.3019"
        (Between(2.27, 2.35))
        (Tensor.item (crossEntropy yTrain predictions))
    |> ofMnist
    Check.near
        "E03-05, row 25"
        "five identities: log-softmax naive, simplified, stable; own logsumexp; nll; cross entropy"
        "5 tests passed"
        [
            logSoftmaxNaive predictions, Tensor.logSoftmax -1 predictions
            logSoftmaxSimple predictions, Tensor.logSoftmax -1 predictions
            logSumExp predictions, Tensor.logSumExp -1 predictions
            logSoftmax predictions, Tensor.logSoftmax -1 predictions
            nll yTrain (logSoftmax predictions), Loss.nll yTrain (Tensor.logSoftmax -1 predictions)
            crossEntropy yTrain predictions, Loss.crossEntropy yTrain predictions
        ]
    Check.near "row 25" "sums of softmax against 1" "" [ (rowSums, Tensor.onesLike rowSums) ]
    Check.text "E03-06" "shape of the outputs for the first 64" "(64, 10)" "(64, 10)" (sizes first64Out)
    Check.number
        "E03-06"
        "their largest size, untrained"
        "values in ±0.25"
        (AtMost 0.6)
        (Tensor.item (Tensor.amax (Tensor.abs first64Out)))
    |> ofMnist
    Check.number
        "E03-07, row 29"
        "loss of the first 64, untrained"
        "2.3076"
        (Between(2.22, 2.40))
        (Tensor.item (crossEntropy first64Y first64Out))
    |> ofMnist
    Check.number
        "E03-08"
        "accuracy of the first 64, untrained"
        "0.1719"
        (Between(0.0, 0.30))
        (accuracy first64Y first64Out)
    |> ofMnist
    Check.numbers "G-4" "softmax of 2, 1, 0; logsumexp" "" [
        for value, printed in
            Seq.zip (Tensor.toFloats (Tensor.softmax 0 g4)) [ 0.665241; 0.244728; 0.0900306 ] do
            "", Near(printed, 1e-6), value

        "", Near(2.407606, 1e-6), Tensor.item (Tensor.logSumExp 0 g4)
    ]
    Check.number
        "G-4, row 28"
        "cross entropy of two rows"
        ""
        (Near(1.288726, 1e-6))
        (Tensor.item (Loss.crossEntropy twoLabels two))
    Check.numbers "G-4, row 28" "its sum; each row" "" [
        "", Near(2.577452, 2e-6), Tensor.item (Loss.crossEntropyWith Reduction.Sum twoLabels two)
        for value, exact in
            Seq.zip (Tensor.toFloats (Loss.crossEntropyWith Reduction.None twoLabels two)) [
                0.407606
                2.169846
            ] do
            "", Near(exact, 1e-6), value
    ]
    Check.holds
        "row 28"
        "cross entropy of class 3 of 3"
        ""
        "an error that names the class"
        outOfRange
        (outOfRange.Contains "3")
    Check.number
        "G-4, row 26"
        "logsumexp of 1000, 1000, 1000"
        ""
        (Near(1001.0986, 1e-4))
        (Tensor.item (logSumExp large))
    Check.holds
        "G-4, row 26"
        "the naive form of it"
        ""
        "inf"
        $"{naiveLarge}"
        (Double.IsPositiveInfinity naiveLarge)
    Check.near "row 26" "gradient of logsumexp against softmax" "" [
        (grad (Tensor.logSumExp 0) g4, Tensor.softmax 0 g4)
    ]
    Check.numbers "row 27" "derivative of an element that is picked three times" "" [
        for expected, value in Seq.zip [ 0.0; 3.0; 0.0 ] repeatedIndex -> ("", Near(expected, 0.0), value)
    ]
    Check.number
        "row 30"
        "accuracy where both classes are equal: the first counts"
        ""
        (Near(1.0, 0.0))
        (accuracy (Tensor.ofInt64s [ 1 ] [| 0L |]) (Tensor.ofFloats [ 1; 2 ] [| 0.5; 0.5 |]))
]

// ---- 2. Six models ----------------------------------------

/// A linear layer's weight [out; in] and bias.
type Affine = { Weight: Tensor; Bias: Tensor }

module Affine =
    let apply (layer: Affine) x =
        Tensor.linear layer.Weight (Some layer.Bias) x

/// Model 1: functions in a list. They hold their weights where nobody else can see them, so the model has no parameters:
/// it predicts, and cannot be trained.
let model1 (first: Affine) (second: Affine) : (Tensor -> Tensor) list = [
    Affine.apply first
    Tensor.relu
    Affine.apply second
]

let through functions x = List.fold (fun x f -> f x) x functions

/// Model 2: a record. Its fields are the parameters' names.
type Model2 = { L1: Affine; L2: Affine }

let model2 model x =
    x |> Affine.apply model.L1 |> Tensor.relu |> Affine.apply model.L2

/// Model 3: a registry of one's own. Names that begin with an underscore stay out of it, as in the course's DummyModule.
type Registry = (string * Affine) list

let register name layer (registry: Registry) : Registry =
    if String.length name > 0 && name[0] = '_' then
        registry
    else
        registry @ [ (name, layer) ]

let model3 (registry: Registry) x =
    let get name =
        registry |> List.find (fst >> (=) name) |> snd

    x |> Affine.apply (get "l1") |> Tensor.relu |> Affine.apply (get "l2")

/// Model 4: layers with numbered names. What has no parameters takes part all the same.
type Stage =
    | Trained of Affine
    | Rectified

let model4 (stages: (string * Stage) list) x =
    stages
    |> List.fold
        (fun x (_, stage) ->
            match stage with
            | Trained layer -> Affine.apply layer x
            | Rectified -> Tensor.relu x)
        x

/// Model 5: the library's layers in a list, with a tree of variables for each: a list that knows its parameters.
let layers = [ Layer.linear m hidden; ReLU; Layer.linear hidden classes ]

let model5 (trees: Tree<Tensor> list) x =
    List.fold2
        (fun x layer tree ->
            Layer.predict
                layer
                {
                    Parameters = tree
                    State = Tree.empty
                }
                x)
        x
        layers
        trees

/// Model 6: `Layer.sequential`, which is all of this.
let model6 tree x =
    Layer.predict
        network
        {
            Parameters = tree
            State = Tree.empty
        }
        x

/// The golden weights, from which any library must get the same losses.
let goldenLayers dtype =
    let zeros count = Tensor.full dtype [ count ] 0.0

    {
        Weight = sines dtype [ hidden; m ] (1.0 / sqrt (float m)) 0.0
        Bias = zeros hidden
    },
    {
        Weight = sines dtype [ classes; hidden ] (1.0 / sqrt (float hidden)) 1.0
        Bias = zeros classes
    }

let treeOf (first: Affine, second: Affine) =
    let leaves layer =
        Branch [ "weight", Leaf layer.Weight; "bias", Leaf layer.Bias ]

    Branch [ "0", leaves first; "1", Tree.empty; "2", leaves second ]

/// Batches in order: the last one is smaller.
let slices dtype : (Tensor * Tensor) list = [
    for start in 0..batchSize .. n - 1 do
        let count = min batchSize (n - start)
        Tensor.cast dtype (Tensor.narrow 0 start count xTrain), Tensor.narrow 0 start count yTrain
]

/// One ordered epoch of a model with parameters of any type: the losses of the batches, each before its step, and the
/// parameters after the steps.
let epochOf (model: 'p -> Tensor -> Tensor) dtype (parameters: 'p) count : Tensor list * 'p =
    let step =
        Compile.run (fun (parameters, x, y) ->
            let loss, grads = valueAndGrad (fun p -> Loss.crossEntropy y (model p x)) parameters
            loss, Structure.map2 (fun p g -> p - rate * g) parameters grads)

    slices dtype
    |> List.truncate count
    |> List.mapFold (fun parameters (x, y) -> step (parameters, x, y)) parameters

let batches = (n + batchSize - 1) / batchSize

/// Losses of all batches with each model from the golden weights, in float64.
let goldenLosses =
    let first, second = goldenLayers DType.Float64
    let count = if options.IsQuick then 100 else batches
    let tree = treeOf (first, second)

    let losses model parameters =
        epochOf model DType.Float64 parameters count |> fst |> List.map Tensor.item

    [
        "2: a record", losses model2 { L1 = first; L2 = second }
        "3: a registry",
        losses model3 ([] |> register "l1" first |> register "_hidden" first |> register "l2" second)
        "4: named stages",
        losses model4 [ "layer_0", Trained first; "layer_1", Rectified; "layer_2", Trained second ]
        "5: a list of layers", losses model5 [ Tree.child "0" tree; Tree.empty; Tree.child "2" tree ]
        "6: sequential", losses model6 tree
    ]

/// Model 1 has nothing to train, but its prediction is that of the others.
let firstModelAgrees =
    let first, second = goldenLayers DType.Float32
    through (model1 first second) first64, model6 (treeOf (first, second)) first64

let modelSection =
    section "Six models" [
        text
            """
            Where do the parameters live? The course answers with objects, from a list that PyTorch does not look into to nn.Sequential. As
            values the question is the other way round: a model is a function of its parameters, and the parameters are any value with
            tensors in it. grad and compile take it apart and put it together again.

            1. A list of functions that hold their weights. It predicts, and has no parameters: what nobody can see
            cannot be trained. (In C# a plain list that is marked as unregistered.)

            2. A record: its fields are the names. 3. A registry of names and layers, which leaves out names that begin with an underscore:
            what DummyModule does with __setattr__. 4. Layers under numbered names, add_module's layer_0,
            layer_1, layer_2. 5. A list of layers that knows its parameters: ModuleList. 6. Layer.sequential, which is
            all of that.

            Does a model get better by being written in another way, or by being trained once more? From the same
            weights all of them give the same losses, to the last bit.
            """
        formula
            """
            type Model2 = { L1: Affine; L2: Affine }
            let model2 model x = x |> Affine.apply model.L1 |> Tensor.relu |> Affine.apply model.L2

            let loss, grads = valueAndGrad (fun p -> Loss.crossEntropy y (model p x)) parameters
            let parameters' = Structure.map2 (fun p g -> p - rate * g) parameters grads
            """
        figures [
            let losses = snd goldenLosses[0]

            Figure.create
                "Loss of each batch of an epoch, all models"
                (Axis.whole "batch")
                (Axis.fromZero "loss")
                [ Trace.line "loss" [ 1.0 .. float losses.Length ] losses ]
        ]
    ]

let shapesOf tree =
    Tree.leaves tree |> List.map (snd >> sizes) |> String.concat ", "

let allEqual =
    goldenLosses |> List.forall (fun (_, losses) -> losses = snd goldenLosses[0])

let modelChecks = [
    Check.near "row 32" "model 1 against model 6, from the golden weights" "" [ firstModelAgrees ]
    Check.text
        "row 32"
        "tensors of model 1 that a derivative can be taken for"
        ""
        "0"
        $"{(Structure.leaves (model1 (fst (goldenLayers DType.Float32)) (snd (goldenLayers DType.Float32)))).Length}"
    Check.text
        "row 34"
        "names in the registry, after l1, _hidden and l2 were put in"
        ""
        "l1, l2"
        ([]
         |> register "l1" {
             Weight = Tensor.zeros []
             Bias = Tensor.zeros []
         }
         |> register "_hidden" {
             Weight = Tensor.zeros []
             Bias = Tensor.zeros []
         }
         |> register "l2" {
             Weight = Tensor.zeros []
             Bias = Tensor.zeros []
         }
         |> List.map fst
         |> String.concat ", ")
    Check.text
        "E03-15"
        "shapes of the parameters"
        "(50, 784), (50), (10, 50), (10)"
        "(50, 784), (50), (10, 50), (10)"
        (shapesOf untrained.Parameters)
    Check.holds
        "row 40"
        $"losses of {(snd goldenLosses[0]).Length} batches, models 2 to 6 from the same weights"
        ""
        "equal to the bit"
        (if allEqual then "equal" else "different")
        allEqual
]

// ---- 3. Seven loops ----------------------------------------

type Parameters = Tree<Tensor>

let lossOf (x, y) parameters =
    Loss.crossEntropy y (model6 parameters x)

/// Loop 1: everything by hand. The layers that have a weight are moved one by one.
let loop1 dtype (parameters: Parameters) =
    let step =
        Compile.run (fun (parameters, x, y) ->
            let grads = grad (lossOf (x, y)) parameters

            let moved path =
                Leaf(Tree.find path parameters - rate * Tree.find path grads)

            let layer name =
                Branch [ "weight", moved $"{name}.weight"; "bias", moved $"{name}.bias" ]

            Branch [ "0", layer "0"; "1", Tree.empty; "2", layer "2" ])

    let mutable p = parameters

    for i in 0 .. (n - 1) / batchSize do
        let start = i * batchSize
        let count = min batchSize (n - start)

        p <-
            step (
                p,
                Tensor.cast dtype (Tensor.narrow 0 start count xTrain),
                Tensor.narrow 0 start count yTrain
            )

    p

/// Loop 2: over all parameters, whatever their names.
let loop2 dtype (parameters: Parameters) =
    epochOf model6 dtype parameters batches |> snd

/// Loop 3: an optimiser of one's own is a function from parameters and gradients to parameters. It has no gradients to
/// set to zero: they are values, and the next step makes new ones.
let myOptimiser lr (parameters: Parameters) (grads: Parameters) : Parameters =
    Tree.map2 (fun p g -> p - lr * g) parameters grads

let loop3 dtype (parameters: Parameters) =
    let step =
        Compile.run (fun (p, x, y) -> myOptimiser rate p (grad (lossOf (x, y)) p))

    slices dtype |> List.fold (fun p (x, y) -> step (p, x, y)) parameters

/// Loop 4: the library's optimiser, with a state of its own.
let loop4With (optimiser: Optimiser) dtype (parameters: Parameters) =
    let step =
        Compile.run (fun (p, state, x, y) -> Optimiser.update (grad (lossOf (x, y)) p) state p optimiser)

    slices dtype
    |> List.fold
        (fun (p, state) (x, y) -> step (p, state, x, y))
        (parameters, Optimiser.init parameters optimiser)
    |> fst

let loop4 dtype parameters =
    loop4With (Optimiser.sgd rate) dtype parameters

/// Loop 5: a data set gives pictures and labels together.
type Dataset = { X: Tensor; Y: Tensor }

module Dataset =
    let length set = set.X.Shape[0]

    /// The items from `first` up to, but without, `last`; as many as there are.
    let range first last set =
        let count = min last (length set) - first

        {
            X = Tensor.narrow 0 first count set.X
            Y = Tensor.narrow 0 first count set.Y
        }

    let item i set = range i (i + 1) set

    let pick (index: Tensor) set = {
        X = Tensor.indexSelect 0 index set.X
        Y = Tensor.indexSelect 0 index set.Y
    }

let trainSet, validSet = { X = xTrain; Y = yTrain }, { X = xValid; Y = yValid }

let loop5 dtype (parameters: Parameters) =
    let step =
        Compile.run (fun (p, set) -> myOptimiser rate p (grad (lossOf (Tensor.cast dtype set.X, set.Y)) p))

    [ 0 .. (n - 1) / batchSize ]
    |> List.fold
        (fun p i -> step (p, Dataset.range (i * batchSize) ((i + 1) * batchSize) trainSet))
        parameters

/// Loop 6: a loader is a sequence, which can be walked again and again.
let loader set : Dataset seq =
    seq { for start in 0..batchSize .. Dataset.length set - 1 -> Dataset.range start (start + batchSize) set }

let loop6 dtype (parameters: Parameters) =
    let step =
        Compile.run (fun (p, set) -> myOptimiser rate p (grad (lossOf (Tensor.cast dtype set.X, set.Y)) p))

    loader trainSet |> Seq.fold (fun p set -> step (p, set)) parameters

/// A sampler says which items come when: all of them in a new order for each key.
let sampler size shuffle count key : Tensor list =
    let order =
        if shuffle then
            Key.shuffled count key
        else
            Tensor.arange count

    Tensor.eval [ order ]
    [ for start in 0..size .. count - 1 -> Tensor.narrow 0 start (min size (count - start)) order ]

let collate (items: Dataset list) = {
    X = Tensor.cat 0 (items |> List.map _.X)
    Y = Tensor.cat 0 (items |> List.map _.Y)
}

let shuffledLoader set key : Dataset seq =
    sampler batchSize true (Dataset.length set) key
    |> Seq.map (fun index -> Dataset.pick index set)

let loop6Shuffled name (parameters: Parameters) =
    let step =
        Compile.run (fun (p, set) -> myOptimiser rate p (grad (lossOf (set.X, set.Y)) p))

    shuffledLoader trainSet (key name)
    |> Seq.fold (fun p set -> step (p, set)) parameters

/// The library's way: `Source` with `DropLast`, and `Train.epoch` over its batches.
let training: Training = {
    Model = network
    Loss = Train.lossOf Loss.crossEntropy
    Optimiser = Optimiser.sgd rate
    Metrics = [ Metric.accuracy ]
}

let asBatch dtype (set: Dataset) : Batch = {
    Inputs = [ Tensor.cast dtype set.X ]
    Targets = [ set.Y ]
}

let step = Compile.run (fun (state, batch) -> Train.step training state batch)

let measure =
    Compile.run (fun (variables, batch) -> Train.evaluateBatch training variables batch)

let source shuffle dropLast =
    Source.ofItems
        {
            Size = batchSize
            Shuffle = shuffle
            DropLast = dropLast
        }
        (asBatch DType.Float32 trainSet)

let libraryEpoch name shuffle dropLast =
    let state = Train.initWith (key name) (fresh name) training
    let state, _ = Train.epoch step state ((source shuffle dropLast).From (key name) 0)
    state.Variables.Parameters

// ---- what the loops reach ----------------------------------------

let variablesOf parameters = {
    Parameters = parameters
    State = untrained.State
}

let evaluateAs dtype parameters (set: Dataset) =
    let measured = measure (variablesOf parameters, asBatch dtype set)
    let report = Train.report [ (Dataset.length set, measured) ]
    report.Loss, report.Metrics["accuracy"]

let evaluate parameters set = evaluateAs DType.Float32 parameters set

let last16 = Dataset.range (n - 16) n trainSet
let freshOf name = (fresh name).Parameters
let float32 = DType.Float32

let trained = [
    "E03-09, row 41", "1: by hand", "0.3465, 0.9375", loop1 float32 (freshOf "loop 1")
    "E03-13", "2: over all parameters", "0.1094, 0.9375", loop2 float32 (freshOf "loop 2")
    "E03-21, row 43", "3: an optimiser of one's own", "0.0797, 0.9375", loop3 float32 (freshOf "loop 3")
    "E03-23", "4: the library's SGD", "0.0436, 1.0", loop4 float32 (freshOf "loop 4")
    "E03-25", "5: a data set", "0.4507, 0.8750", loop5 float32 (freshOf "loop 5")
]

/// The models in lists of layers and in `sequential`, each with its own fresh weights.
let trainedModels =
    let tree name = freshOf name

    let list =
        let t = tree "model 5" in [ Tree.child "0" t; Tree.empty; Tree.child "2" t ]

    let _, trainedList = epochOf model5 float32 list batches
    let six = epochOf model6 float32 (tree "model 6") batches |> snd

    [
        "E03-18", "model 5", "0.2131, 0.9375", Branch(List.mapi (fun i t -> string i, t) trainedList)
        "E03-19", "model 6", "0.2167, 0.9375", six
    ]

let loop6Parameters = loop6 float32 (freshOf "loop 6")

let shuffledOnce = [
    "E03-32",
    "6, shuffled by a sampler of one's own",
    "0.2939, 0.9375",
    loop6Shuffled "shuffled" (freshOf "shuffled")
    "E03-33", "the library's, shuffled", "0.2196, 0.9375", libraryEpoch "library" true false
    "E03-34", "the same without the short last batch", "0.1029, 0.9688", libraryEpoch "drop" true true
]

/// Loops 1 to 4 from the golden weights in float64.
let goldenEnds =
    if options.IsQuick then
        []
    else
        let tree = treeOf (goldenLayers DType.Float64)
        [ loop1; loop2; loop3; loop4 ] |> List.map (fun loop -> loop DType.Float64 tree)

// Loop 7: `Train.fit`: epochs in random order, and the validation set after each.
let epochs = if options.IsQuick then 1 else 5

let validBatches dtype =
    Source.ordered (2 * batchSize) (asBatch dtype validSet)

let _, reports =
    Train.fit
        step
        measure
        {
            Epochs = epochs
            Source = source true false
            Validation = validBatches float32
            Schedules = []
        }
        (Train.initWith (key "fit") (fresh "fit") training)

/// Five ordered epochs from the golden weights, in float64: means over batches, as the course prints them, and over
/// pictures, which is exact when the last batch is smaller.
let goldenEpochs =
    if options.IsQuick then
        []
    else
        let start =
            Train.initWith
                (key "golden")
                {
                    Parameters = treeOf (goldenLayers DType.Float64)
                    State = untrained.State
                }
                training

        [ 1..5 ]
        |> List.mapFold
            (fun state _ ->
                let state, _ =
                    Train.epoch step state (loader trainSet |> Seq.map (asBatch DType.Float64))

                let measured =
                    validBatches DType.Float64
                    |> Train.measurements measure state.Variables
                    |> Seq.toList

                (Train.reportOfBatchMeans measured, Train.report measured), state)
            start
        |> fst

let firstLayerPictures =
    let weights = Tree.find "0.weight" loop6Parameters |> Tensor.toFloats

    [
        for unit in 0..5 do
            let rows = [
                for row in 27..-1..0 -> [ for column in 0..27 -> weights[unit * m + row * 28 + column] ]
            ]

            Figure.create $"unit {unit}" (Axis.named "") (Axis.named "") [
                Trace.signedHeatmap "" [ 0.0 .. 27.0 ] [ 0.0 .. 27.0 ] rows
            ]
    ]
    |> Figure.grid "Weights of six hidden units after an epoch: what each one looks for" 3

let loopSection =
    section "Seven loops" [
        text
            """
            Every loop does four things with a batch: predict, compute the loss, take the gradients of all parameters, and move
            the parameters against them. What changes is who does it.

            1. By hand: a slice of the data, each weight and bias moved by name. 2. Over all parameters, whatever they are called.
            3. An optimiser of one's own: a function of parameters and gradients. 4. The library's, which has momentum and all the rest. 5. A data
            set, which gives pictures and labels together. 6. A loader, which gives batches; with a sampler, in random order.
            7. fit: epochs, and a look at the validation set after each.

            Two things that the course has to take care of are not there. Nothing needs to be protected from being
            recorded while parameters are moved, since nothing is recorded; and no gradient has to be set to zero, since
            each is a new value.
            """
        formula
            """
            step : parameters, batch -> parameters
            loop : fold step over the batches
            """
        figures [
            Figure.create
                "Accuracy on the validation set, by epoch"
                (Axis.whole "epochs done")
                (Axis.named "accuracy")
                [
                    Trace.lineWithMarks "fit, shuffled" [ 1.0 .. float epochs ] [
                        for r in reports -> r.Validation.Metrics["accuracy"]
                    ]
                    if not goldenEpochs.IsEmpty then
                        Trace.lineWithMarks "golden weights, in order" [ 1.0 .. 5.0 ] [
                            for _, r in goldenEpochs -> r.Metrics["accuracy"]
                        ]
                ]
            firstLayerPictures
        ]
        text
            """
            The loss of one batch says little: the last batch of an ordered epoch has 16 pictures, so its accuracy is
            a multiple of 1/16. And means of batches are not the mean of the pictures when the last batch is smaller: the table
            has both, and the difference is in the third digit.
            """
    ]

let ofEpoch id what printed lossBand accuracyBand (loss, accuracy) =
    Check.numbers id what printed [ "loss", lossBand, loss; "accuracy", accuracyBand, accuracy ]
    |> ofMnist

let validOf (_, _, _, parameters) = snd (evaluate parameters validSet)

let loopChecks = [
    for id, what, printed, parameters in trained @ trainedModels do
        ofEpoch
            id
            $"last 16 after an epoch with loop {what}"
            printed
            (AtMost 0.8)
            (AtLeast 0.8125)
            (evaluate parameters last16)
    Check.number
        "E03-22"
        "loss of the last 16, fresh model"
        "2.3222"
        (Between(2.15, 2.45))
        (fst (evaluate (freshOf "another") last16))
    |> ofMnist
    ofEpoch
        "E03-27"
        "first 64 validation pictures after loop 6"
        "0.0762, 0.9844"
        (AtMost 0.35)
        (AtLeast 0.88)
        (evaluate loop6Parameters (Dataset.range 0 64 validSet))
    for id, what, printed, parameters in shuffledOnce do
        let random =
            Dataset.pick (sampler batchSize true n (key what) |> List.head) trainSet

        ofEpoch
            id
            $"a random batch after an epoch with loop {what}"
            printed
            (AtMost 1.0)
            (AtLeast 0.70)
            (evaluate parameters random)
    Check.number
        "row 46"
        "least accuracy on the validation set after an ordered epoch, loops 1 to 5"
        "> 0.7"
        (AtLeast 0.88)
        (trained |> List.map validOf |> List.min)
    |> ofMnist
    Check.number
        "row 46"
        "least accuracy after a shuffled epoch"
        "> 0.7"
        (AtLeast 0.70)
        (shuffledOnce |> List.map validOf |> List.min)
    |> ofMnist
    let accuracies = reports |> List.map _.Validation.Metrics["accuracy"]

    Check.numbers "E03-35, row 46" $"fit, {epochs} shuffled epochs: last accuracy, best" "0.9625, 0.9664" [
        "last", AtLeast 0.9, List.last accuracies
        "best", AtLeast 0.95, List.max accuracies
    ]
    |> ofMnist
    |> Check.onlyIf (not options.IsQuick) "for five epochs"
]

// ---- 4. The golden trace ----------------------------------------

let golden = [
    1, 2.309341
    10, 1.841819
    50, 0.439218
    100, 0.229137
    200, 0.411796
    400, 0.310023
    782, 0.210385
]

let printedEpochs = [
    0.166664, 0.949763, 0.168221, 0.9492
    0.138459, 0.960146, 0.139875, 0.9597
    0.130716, 0.961828, 0.132083, 0.9614
    0.120986, 0.963805, 0.122246, 0.9634
    0.132368, 0.962816, 0.133741, 0.9624
]

let unit digits = 0.5625 * 10.0 ** float -digits

let goldenChecks = [
    let losses = snd goldenLosses[4]

    Check.numbers "G-1, row 39" "loss of batch 1, 10, 50, … before its step, float64" "" [
        for place, printed in golden do
            if place <= losses.Length then
                "", Near(printed, unit 6), losses[place - 1]
    ]
    |> ofMnist

    if not goldenEnds.IsEmpty then
        let loss, accuracy = evaluateAs DType.Float64 goldenEnds.Head validSet

        Check.numbers "G-1, row 39" "validation after an epoch" "" [
            "loss", Near(0.168221, unit 6), loss
            "accuracy", Near(0.9492, unit 4), accuracy
        ]
        |> ofMnist

        let ends = goldenEnds |> List.map (Tree.leaves >> List.map (snd >> Tensor.toFloats))
        let isSame = ends |> List.forall (fun parameters -> parameters = ends.Head)

        Check.holds
            "row 39"
            "parameters after loops 1 to 4 from the same weights"
            ""
            "equal to the bit"
            (if isSame then "equal" else "different")
            isSame

    for epoch, ((byBatch, exact), (meanLoss, meanAccuracy, loss, accuracy)) in
        List.indexed (List.zip goldenEpochs (List.truncate goldenEpochs.Length printedEpochs)) do
        Check.numbers
            "G-1, rows 53, 54"
            $"epoch {epoch}: mean of batches' losses and accuracies, of pictures'"
            ""
            [
                "", Near(meanLoss, unit 6), byBatch.Loss
                "", Near(meanAccuracy, unit 6), byBatch.Metrics["accuracy"]
                "", Near(loss, unit 6), exact.Loss
                "", Near(accuracy, unit 4), exact.Metrics["accuracy"]
            ]
        |> ofMnist
]

// ---- 5. Data sets, loaders, samplers ----------------------------------------

let shown' (index: Tensor) =
    "[" + String.Join(",", Tensor.toInt64s index) + "]"

let ordered10 =
    sampler 3 false 10 (key "ten") |> List.map shown' |> String.concat ","

let shuffled10 = sampler 3 true 10 (key "ten")
let again10 = sampler 3 true 10 (key "another ten")

let numbers index =
    index |> List.collect (Tensor.toInt64s >> List.ofArray)

let firstValid = Seq.head (loader validSet)

let collated =
    let items = [ for i in 0..4 -> Dataset.item i trainSet ]
    let joined, sliced = collate items, Dataset.range 0 5 trainSet

    Tensor.toFloats joined.X = Tensor.toFloats sliced.X
    && Tensor.toInt64s joined.Y = Tensor.toInt64s sliced.Y

let dataChecks = [
    let five = Dataset.range 0 5 trainSet

    Check.text
        "E03-24, row 47"
        "items 0 to 4 of the data set"
        "(5, 784); 5,0,4,1,9"
        "(5, 784); [5,0,4,1,9]"
        $"{sizes five.X}; {shown' five.Y}"
    |> ofMnist

    Check.text
        "E03-26, row 48"
        "first validation batch; its first label"
        "(64, 784), (64); 3"
        "(64, 784), (64); 3"
        $"{sizes firstValid.X}, {sizes firstValid.Y}; {(Tensor.toInt64s firstValid.Y)[0]}"
    |> ofMnist

    Check.text
        "row 48"
        "batches, items in the last"
        ""
        "782, 16"
        $"{batches}, {Dataset.length (Seq.last (loader trainSet))}"
    |> ofMnist

    Check.text "row 51" "batches without the short one" "" "781" $"{(source true true).Count}"
    |> ofMnist

    Check.text
        "E03-28, row 49"
        "a sampler of 10 items in threes"
        "[0,1,2],[3,4,5],[6,7,8],[9]"
        "[0,1,2],[3,4,5],[6,7,8],[9]"
        ordered10

    Check.holds
        "E03-29, row 49"
        "the same, shuffled: each item once, another order with another key"
        "[8,0,3],[5,1,2],[7,6,4],[9]"
        "sizes 3, 3, 3, 1; 0 to 9; orders differ"
        (shuffled10 |> List.map shown' |> String.concat ",")
        ((shuffled10 |> List.map (fun i -> i.Shape[0])) = [ 3; 3; 3; 1 ]
         && List.sort (numbers shuffled10) = [ 0L .. 9L ]
         && numbers shuffled10 <> numbers again10)

    Check.text
        "E03-30, row 50"
        "first validation label through sampler and collation"
        "3"
        "3"
        $"{(Tensor.toInt64s (collate [ for i in 0..63 -> Dataset.item i validSet ]).Y)[0]}"
    |> ofMnist

    Check.holds
        "row 50"
        "five collated items against a slice"
        ""
        "equal"
        (if collated then "equal" else "different")
        collated
]

// ---- 6. Optimisers ----------------------------------------

/// Four steps down x² from 1, in float64.
let descend (optimiser: Optimiser) =
    let start = Branch [ ("x", Leaf(Tensor.ofFloats [] [| 1.0 |])) ]

    [ 1..4 ]
    |> List.mapFold
        (fun (p, state) _ ->
            let g = grad (fun p -> Tensor.square (Tree.find "x" p)) p
            let p, state = Optimiser.update g state p optimiser
            Tensor.item (Tree.find "x" p), (p, state))
        (start, Optimiser.init start optimiser)
    |> fst

let sgd = { SgdOptions.Default with Lr = 0.1 }

/// An optimiser of steppers, each a rule of one line: decay first, then the step. This is what the course means by a
/// more flexible one.
let ofSteppers =
    let decay =
        Transformation.onParameter "my decay" [ "lr"; "wd" ] (fun turn p _ ->
            p * (1.0 - turn["lr"] * turn["wd"]))

    let move =
        Transformation.onParameter "my step" [ "lr" ] (fun turn p g -> p - turn["lr"] * g)

    Optimiser.create [ "lr", 0.1; "wd", 0.01 ] [ decay; move ]

/// `p · (1 − lr · wd) − lr · 2p`, four times.
let ofSteppersByHand = [ for i in 1..4 -> 0.799 ** float i ]

let goldenOptimisers = [
    "plain SGD", Optimiser.sgdWith sgd, [ 0.8; 0.64; 0.512; 0.4096 ]
    "momentum 0.9", Optimiser.sgdWith { sgd with Momentum = 0.9 }, [ 0.8; 0.46; 0.062; -0.3086 ]
    "momentum 0.9, dampening 0.5",
    Optimiser.sgdWith {
        sgd with
            Momentum = 0.9
            Dampening = 0.5
    },
    [ 0.8; 0.54; 0.252; -0.0324 ]
    "momentum 0.9, Nesterov",
    Optimiser.sgdWith {
        sgd with
            Momentum = 0.9
            Nesterov = true
    },
    [ 0.62; 0.2224; -0.108352; -0.32482304 ]
    "weight decay 0.1",
    Optimiser.sgdWith { sgd with WeightDecay = 0.1 },
    [ 0.79; 0.6241; 0.493039; 0.38950081 ]
    "momentum 0.9, weight decay 0.1",
    Optimiser.sgdWith {
        sgd with
            Momentum = 0.9
            WeightDecay = 0.1
    },
    [ 0.79; 0.4351; 0.024319; -0.35049089 ]
    "Adam, betas 0.9, 0.99",
    Optimiser.adamWith {
        AdamOptions.Default with
            Lr = 0.1
            Betas = 0.9, 0.99
    },
    [ 0.9000000005; 0.8003885676; 0.7014971688; 0.6037236402 ]
    "the same, true decay 0.01",
    Optimiser.decoupledDecay
        0.01
        (Optimiser.adamWith {
            AdamOptions.Default with
                Lr = 0.1
                Betas = 0.9, 0.99
        }),
    [ 0.8990000005; 0.7984951195; 0.6988211868; 0.600381099 ]
    "own steppers: true decay 0.01, step", ofSteppers, ofSteppersByHand
]

let refusedNesterov =
    try
        Optimiser.sgdWith { sgd with Nesterov = true } |> ignore
        "no error"
    with :? OptionException as e ->
        e.Message

let optimiserSection =
    section "Optimisers" [
        text
            """
            Plain gradient descent goes against the gradient. Momentum adds what is left of the last movement, so that steps that agree become
            longer, and with dampening a part of each new gradient is kept out. Nesterov's form looks one step ahead. Weight decay as L2 adds a
            part of the parameter to its gradient; true decay shrinks the parameter instead, which is the same for plain
            descent and another thing for Adam. Each is a small rule, and an optimiser is a list of them.
            """
        figures [
            Figure.create "Four steps down x² from 1" (Axis.whole "step") (Axis.named "x") [
                for name, optimiser, _ in List.take 5 goldenOptimisers ->
                    Trace.lineWithMarks name [ 0.0 .. 4.0 ] (1.0 :: descend optimiser)
            ]
        ]
        formula
            """
            g <- g + wd · p                             L2
            v <- g at the first step, else μ · v + (1 − dampening) · g
            p <- p − lr · v            Nesterov:  p <- p − lr · (g + μ · v)
            """
    ]

let optimiserChecks = [
    for name, optimiser, expected in goldenOptimisers do
        let rows =
            if name.StartsWith "Adam" || name.Contains "decay 0.01" then
                "G-3, row 45"
            else
                "G-3, row 44"

        Check.numbers rows $"{name}: four steps down x² from 1" "" [
            for value, printed in List.zip (descend optimiser) expected -> ("", Near(printed, 1e-9), value)
        ]
    Check.holds
        "row 44"
        "Nesterov without momentum"
        ""
        "an error"
        refusedNesterov
        (refusedNesterov.Contains "momentum")
]

Lesson.finish
    options
    "Lesson 9, part 03: training with mini-batches"
    [ lossSection; modelSection; loopSection; optimiserSection ]
    (lossChecks
     @ modelChecks
     @ loopChecks
     @ goldenChecks
     @ dataChecks
     @ optimiserChecks)
