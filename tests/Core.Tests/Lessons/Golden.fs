/// The network of the golden trace: two linear layers and ReLU, with weights that need no randomness (lessons.md, section
/// 1.6, G-1).
module FunctionalDL.Tests.Lessons.Golden

open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Lessons.Mnist

/// The fill rule: element `k` is scale · sin(phase + 0.7 k), computed in float64.
let sines dtype shape scale phase =
    float64s shape (Seq.init (elements shape) (fun k -> scale * sin (phase + 0.7 * float k)))
    |> Tensor.cast dtype

/// The network of G-1 with `features` inputs.
let trainingOf features hidden classes rate : Training = {
    Model = Layer.sequential [ Layer.linear features hidden; ReLU; Layer.linear hidden classes ]
    Loss = Train.lossOf Loss.crossEntropy
    Optimiser = Optimiser.sgd rate
    Metrics = [ Metric.accuracy ]
}

let variablesOf dtype features hidden classes : Variables =
    let layer weight bias =
        Branch [ "weight", Leaf weight; "bias", Leaf bias ]

    let zeros count = Tensor.full dtype [ count ] 0.0

    {
        Parameters =
            Branch [
                "0", layer (sines dtype [ hidden; features ] (1.0 / sqrt (float features)) 0.0) (zeros hidden)
                "1", Tree.empty
                "2", layer (sines dtype [ classes; hidden ] (1.0 / sqrt (float hidden)) 1.0) (zeros classes)
            ]
        State = Branch [ "0", Tree.empty; "1", Tree.empty; "2", Tree.empty ]
    }

/// The lesson's: 784 pixels, 50 hidden numbers, 10 classes, rate 0.5.
let training = trainingOf pixels 50 classes 0.5

let variables dtype = variablesOf dtype pixels 50 classes

/// Steps taken, loss of that batch before the step, loss and accuracy on the 10,000 validation images after it.
let trace = [
    1, 2.309341, 2.199652, 0.2238
    10, 1.841819, 1.699645, 0.3876
    50, 0.439218, 0.533186, 0.8422
    100, 0.229137, 0.387096, 0.8808
    200, 0.411796, 0.325010, 0.9072
    400, 0.310023, 0.224728, 0.9305
    782, 0.210385, 0.168221, 0.9492
]

let batchSize = 64

/// Ordered batches of an epoch; the last one is shorter.
let batches dtype =
    seq { 0..batchSize .. trainCount - 1 }
    |> Seq.map (fun start -> batchOf dtype start (min batchSize (trainCount - start)))

let private compiledMeasure =
    Compile.on Cpu.engine (fun (variables, batch) -> Train.evaluateBatch training variables batch)

/// What the network gives on one batch.
let measureBatch variables batch = compiledMeasure (variables, batch)

/// What it gives on items `start … start + count - 1`, a thousand at a time.
let measure dtype variables start count =
    seq { start..1000 .. start + count - 1 }
    |> Seq.map (fun at -> batchOf dtype at 1000)
    |> Train.evaluate compiledMeasure variables

/// What it gives on the validation pictures, batch by batch of 128.
let measurements dtype variables =
    seq { trainCount..128 .. trainCount + validCount - 1 }
    |> Seq.map (fun at -> batchOf dtype at (min 128 (trainCount + validCount - at)))
    |> Train.measurements compiledMeasure variables
    |> Seq.toList
