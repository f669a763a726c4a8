namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks
open FunctionalDL.Core

/// Steps of training of networks of linear layers.
[<RequireQualifiedAccess>]
module Networks =

    /// A perceptron of one hidden layer with ReLU, cross entropy and plain descent.
    let perceptron inputs hidden outputs = {
        Model = Layer.sequential [ Layer.linear inputs hidden; ReLU; Layer.linear hidden outputs ]
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser = Optimiser.sgd 0.5
        Metrics = []
    }

    /// Random inputs and classes for a perceptron.
    let private batch items inputs outputs = {
        Inputs = [ Workload.normal "x" [ items; inputs ] ]
        Targets = [ Workload.classes outputs items ]
    }

    let private mlp settings =
        Workload.steps (perceptron 784 50 10) (batch 64 784 10) settings

    let private mlpFlop = 2.0 * 64.0 * (784.0 * 50.0 * 2.0 + 50.0 * 10.0 * 3.0)

    /// A perceptron of two hidden layers, so large that Adam's update of its parameters is much of a step.
    let private bigPerceptron = {
        Model =
            Layer.sequential [ Layer.linear 784 1000; ReLU; Layer.linear 1000 500; ReLU; Layer.linear 500 10 ]
        Loss = Train.lossOf Loss.crossEntropy
        Optimiser = Optimiser.adam 1e-3
        Metrics = []
    }

    let private bigFlop =
        2.0 * 256.0 * (784.0 * 1000.0 * 2.0 + 1000.0 * 500.0 * 3.0 + 500.0 * 10.0 * 3.0)

    /// From the start of the process to the end of the first step: nothing may come before it.
    let import =
        Workload.row "import" (fun settings ->
            mlp settings ()

            {
                Times = [| Machine.sinceStart () |]
                Extra = []
            })

    let rows = [
        Workload.repeated "mlp_step" (Work.Flop mlpFlop) mlp
        Workload.repeated "mlp_big_adam_step" (Work.Flop bigFlop) (fun settings ->
            Workload.steps bigPerceptron (batch 256 784 10) settings)
        Workload.repeated "dispatch" Work.Unstated (fun settings ->
            Workload.steps (perceptron 1 1 1) (batch 1 1 1) settings)
    ]

    /// Whole epochs on real pictures; none without them.
    let private onPictures name (run: Settings -> _ -> Measurement) = {
        Name = name
        Run =
            fun settings ->
                settings.Data
                |> Option.map (fun folder -> run settings (Mnist.load settings.Engine folder))
    }

    let private loop (settings: Settings) =
        Mnist.loop settings.Engine (perceptron 784 50 10)

    let epochs = [
        onPictures "mnist_epoch" (fun settings parts ->
            Mnist.inTurn settings.Seconds [ loop settings parts ] |> List.head)
        // Beside the loop in the same minute: what counts is how many times as long it takes.
        onPictures "mnist_epoch_learner" (fun settings parts ->
            let both =
                Mnist.inTurn settings.Seconds [
                    Learners.perceptron settings.Threads parts
                    loop settings parts
                ]

            let median i = Measure.median both[i].Times

            {
                both[0] with
                    Extra = both[0].Extra @ [ "times_the_loop", System.Math.Round(median 0 / median 1, 3) ]
            })
    ]
