// Lesson 6: regularisation compared. The same network with nothing, with dropout, with weight decay and with batch norm.
//
//     dotnet build -c Release
//     dotnet fsi scripts/lesson06/dropout-batchnorm.fsx
//
// The page is runs/lesson06/dropout-batchnorm.html. With --data DIR it takes a folder with MNIST's four IDX files, otherwise
// data/digits. The networks see a few hundred pictures only, so that they can learn them by heart: that is what
// regularisation is against.

#load "../lesson09/_lesson.fsx"

open FunctionalDL.Core
open FunctionalDL.Data
open Lesson

let options =
    Lesson.optionsIn "lesson06" "dropout-batchnorm" "digits" fsi.CommandLineArgs

let key name =
    Key.child name (Key.ofSeed options.Seed)

let digits = Lesson.digits options

// ---- the mechanisms, by themselves ----------------------------------------

let ones = Tensor.full DType.Float32 [ 200; 500 ] 1.0

/// What a layer makes of the ones while it is trained.
let dropped p =
    let layer = Layer.dropout p
    let variables = Layer.init (key "dropout") [ ones.Shape ] layer

    let call: Call = {
        Mode = Mode.Training
        Variables = variables
        Key = key "mask"
    }

    Layer.apply layer call [ ones ] |> fst |> List.head

let halves = dropped 0.5
let distinct = Tensor.toFloats halves |> Array.distinct |> Array.sort

let evaluated =
    Layer.predict (Layer.dropout 0.5) (Layer.init (key "dropout") [ ones.Shape ] (Layer.dropout 0.5)) ones

// ---- four networks ----------------------------------------

let pixels = digits.TrainX.Shape[1]
let items = 600
let epochs = if options.IsQuick then 12 else 60

let normalised =
    let mean, std = Lesson.stats (Tensor.narrow 0 0 items digits.TrainX)
    fun (x: Tensor) -> (x - mean) / std

let part x y start count : Batch = {
    Inputs = [ normalised (Tensor.narrow 0 start count x) ]
    Targets = [ Tensor.narrow 0 start count y ]
}

let train, valid =
    part digits.TrainX digits.TrainY 0 items, part digits.ValidX digits.ValidY 0 2000

/// Linear layers of 300 and 100, each followed by ReLU and what a network has besides.
let network (besides: int -> Layer list) : Layer =
    Layer.sequential [
        for inputs, outputs in [ pixels, 300; 300, 100 ] do
            Layer.linear inputs outputs
            ReLU
            yield! besides outputs
        Layer.linear 100 10
    ]

type Way = {
    Name: string
    Network: Layer
    WeightDecay: float
}

let ways = [
    {
        Name = "nothing"
        Network = network (fun _ -> [])
        WeightDecay = 0.0
    }
    {
        Name = "dropout"
        Network = network (fun _ -> [ Layer.dropout 0.5 ])
        WeightDecay = 0.0
    }
    {
        Name = "weight decay"
        Network = network (fun _ -> [])
        WeightDecay = 1.0
    }
    {
        Name = "batch norm"
        Network = network (fun outputs -> [ BatchNorm(Layer.batchNorm outputs) ])
        WeightDecay = 0.0
    }
]

type Run = {
    Way: Way
    Reports: EpochReport list
    /// Accuracy on the pictures that were trained on, the network in evaluation mode.
    TrainAccuracy: float
    TrainLoss: float
    /// The length of all weights together, as one vector.
    Length: float
}

let run (way: Way) : Run =
    let training: Training = {
        Model = way.Network
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser =
            Optimiser.adamWWith {
                AdamOptions.DefaultW with
                    Lr = 1e-3
                    WeightDecay = way.WeightDecay
            }
        Metrics = [ Metric.accuracy ]
    }

    let fit: Fit = {
        Epochs = epochs
        Source =
            Source.ofItems
                {
                    Size = 50
                    Shuffle = true
                    DropLast = false
                }
                train
        Validation = Source.ordered 1000 valid
        Schedules = []
    }

    let measure = Compile.run (fun (v, b) -> Train.evaluateBatch training v b)

    let state, reports =
        Train.initFor (key "init") train training
        |> Train.fit (Compile.run (fun (s, b) -> Train.step training s b)) measure fit

    let seen = Train.evaluate measure state.Variables [ train ]

    {
        Way = way
        Reports = reports
        TrainAccuracy = seen.Metrics[Metric.accuracy.Name]
        TrainLoss = seen.Loss
        Length =
            Tree.leaves state.Variables.Parameters
            |> List.filter (fun (_, p) -> p.Rank = 2)
            |> List.sumBy (fun (_, w) -> Tensor.item (Tensor.sum (w * w)))
            |> sqrt
    }

let runs = ways |> List.map run
let nothing, dropout, decay, norm = runs[0], runs[1], runs[2], runs[3]
let last (run: Run) = (List.last run.Reports).Validation
let accuracy (report: Report) = report.Metrics[Metric.accuracy.Name]

let best (run: Run) =
    run.Reports |> List.map _.Validation.Loss |> List.min

/// How much worse the loss is on pictures that were not trained on.
let gap run = (last run).Loss - run.TrainLoss
/// The loss on the first epoch's batches, before their steps.
let firstLoss (run: Run) = run.Reports.Head.Training.Loss

// ---- the page ----------------------------------------

let number (format: string) (x: float) =
    x.ToString(format, System.Globalization.CultureInfo.InvariantCulture)

let curves title axis (value: EpochReport -> float) =
    Figure.create title (Axis.whole "epoch") axis [
        for run in runs -> Trace.line run.Way.Name [ 1.0 .. float epochs ] (run.Reports |> List.map value)
    ]

let pages = [
    section "What dropout does" [
        text
            """
            While a network is trained, each activation is set to zero with probability p, and those that are left are
            divided by 1 - p, so that their mean stays what it was. No activation can rely on another one being there.
            In evaluation nothing is dropped, and nothing needs to be rescaled.
            """
        formula
            """
            out = x · noise,   noise = 0 with probability p, 1 / (1 - p) otherwise
            """
    ]
    section "One network, four ways" [
        text
            $"""
            784-300-100-10 with ReLU, trained on {items} pictures for {epochs} epochs with AdamW at 1e-3; validated on 2,000
            others. With nothing against it the network knows its {items} pictures by heart, and from then on only grows surer of itself,
            also where it is wrong: the validation loss turns and rises. Dropout of a half behind both hidden layers keeps it from
            that. Weight decay of 1 pulls every weight towards zero in each step by 1e-3 of it. Batch norm is no regularisation in the
            first place: it makes the loss easier to descend, which shows in the first epochs.
            """
        figures [
            curves "Loss, validation" (Axis.fromZero "loss") _.Validation.Loss
            curves "Accuracy, validation" (Axis.fromZero "accuracy") (fun r -> accuracy r.Validation)
            curves "Loss, training" (Axis.log "loss") _.Training.Loss
        ]
        [
            Block.Records(
                [
                    "with"
                    "train loss"
                    "valid loss"
                    "lowest"
                    "gap"
                    "train accuracy"
                    "valid accuracy"
                    "length of weights"
                ],
                [
                    for run in runs ->
                        [
                            run.Way.Name
                            number "0.0000" run.TrainLoss
                            number "0.0000" (last run).Loss
                            number "0.0000" (best run)
                            number "0.0000" (gap run)
                            number "0.0000" run.TrainAccuracy
                            number "0.0000" (accuracy (last run))
                            number "0.0" run.Length
                        ]
                ]
            )
        ]
    ]
]

let long = not options.IsQuick

let ifLong check =
    Check.onlyIf long "needs all epochs: does not apply" check

let checks = [
    Check.text
        "R69"
        "values of dropout with p = 0.5 in training, of ones"
        "0, 2"
        "0, 2"
        (distinct |> Array.map string |> String.concat ", ")
    // 100,000 draws: the mean's deviation is 1 / √100,000.
    Check.number "R69" "their mean" "1" (Near(1.0, 4.0 / sqrt 100_000.0)) (Tensor.item (Tensor.mean halves))
    Check.number
        "R69"
        "largest change in evaluation"
        "0"
        (Near(0.0, 0.0))
        (Tensor.item (Tensor.amax (Tensor.abs (evaluated - ones))))
    Check.number "" "with nothing: accuracy on what was trained on" "" (AtLeast 0.99) nothing.TrainAccuracy
    |> ifLong
    Check.number
        ""
        "with nothing: last validation loss over the lowest"
        ""
        (AtLeast 1.1)
        ((last nothing).Loss / best nothing)
    |> ifLong
    Check.number
        ""
        "dropout: its validation loss over that of nothing"
        ""
        (AtMost 0.95)
        ((last dropout).Loss / (last nothing).Loss)
    |> ifLong
    Check.number
        ""
        "weight decay: length of the weights over that of nothing"
        ""
        (AtMost 0.98)
        (decay.Length / nothing.Length)
    Check.number
        ""
        "weight decay: its validation loss over that of nothing"
        ""
        (AtMost 1.0)
        ((last decay).Loss / (last nothing).Loss)
    |> ifLong
    Check.number
        ""
        "batch norm: first epoch's training loss over that of nothing"
        ""
        (AtMost 1.0)
        (firstLoss norm / firstLoss nothing)
    Check.number
        ""
        "least validation accuracy of the four"
        ""
        (AtLeast(if options.IsQuick then 0.75 else 0.8))
        (runs |> List.map (last >> accuracy) |> List.min)
]

for run in runs do
    printfn
        $"%-13s{run.Way.Name} train loss %.4f{run.TrainLoss}, valid loss %.4f{(last run).Loss} (lowest %.4f{best run}), \
          accuracy %.4f{run.TrainAccuracy} and %.4f{accuracy (last run)}, length %.1f{run.Length}"

Lesson.finish options "Regularisation compared" pages checks
