namespace FunctionalDL.Benchmarks.Workloads

open FunctionalDL.Benchmarks
open FunctionalDL.Core

/// Steps of training of a network for the rows of a table.
[<RequireQualifiedAccess>]
module Tables =

    /// How many classes each column has: the sales of a chain of drug stores (Rossmann), as fastai prepares them.
    let private classes = [ 1116; 8; 4; 13; 32; 3; 26; 27; 5; 4; 4; 24; 9; 8; 53; 22; 7; 7; 4; 4; 9; 9 ]

    let private numbers = 16
    let private items = 64

    let private training =
        let embeddings =
            classes |> List.map (fun count -> count, Tabular.embeddingSize count)

        {
            Model =
                Tabular.layer {
                    Tabular.spec embeddings numbers 1 [ 1000; 500 ] with
                        Ps = [ 0.001; 0.01 ]
                        EmbDrop = 0.04
                }
            Loss = Train.lossOf Loss.mse
            Optimiser =
                Optimiser.adamWith {
                    AdamOptions.Default with
                        Lr = 1e-3
                        WeightDecay = 0.2
                }
            Metrics = []
        }

    /// Codes of the classes and numbers beside them, and one number to be told for each row.
    let private batch () =
        let counts =
            classes |> List.map float |> List.toArray |> Tensor.ofFloats [ classes.Length ]

        let codes =
            Key.uniform DType.Float64 [ items; classes.Length ] (Key.child "classes" Workload.key)
            * counts
            |> Tensor.cast DType.Int64

        {
            Inputs = [ codes; Workload.normal "x" [ items; numbers ] ]
            Targets = [ Workload.normal "y" [ items; 1 ] ]
        }

    let rows = [
        Workload.repeated "tabular_step" Work.Unstated (fun settings ->
            Workload.steps training (batch ()) settings)
    ]
