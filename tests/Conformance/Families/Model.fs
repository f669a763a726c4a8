/// Small networks trained for some steps: losses, first gradients, last parameters, evaluation.
module FunctionalDL.Conformance.Families.Model

open FunctionalDL.Core
open FunctionalDL.Conformance

/// The options of a line, `stride 2 padding 1`, by name.
let rec private options words =
    match words with
    | [] -> Map.empty
    | name :: value :: rest -> Map.add name value (options rest)
    | [ word ] -> raise (NotSupported $"option '{word}'")

/// A convolution over `rank` axes with a kernel of one size.
let private conv rank inChannels outChannels kernel rest =
    let given: Map<string, string> = options rest

    for option in given do
        if not (List.contains option.Key [ "stride"; "padding"; "dilation"; "groups"; "bias" ]) then
            raise (NotSupported $"option '{option.Key}'")

    let number name value =
        given.TryFind name |> Option.map int |> Option.defaultValue value

    Conv {
        Layer.conv (int inChannels) (int outChannels) (List.replicate rank (int kernel)) with
            Bias = given.TryFind "bias" <> Some "false"
            Options = {
                Convolution.defaults with
                    Stride = [ number "stride" 1 ]
                    Padding = [ number "padding" 0, number "padding" 0 ]
                    Dilation = [ number "dilation" 1 ]
                    Groups = number "groups" 1
            }
    }

/// `2` of `conv2d`.
let private rankOf (name: string) =
    match name[name.Length - 2 ..] with
    | "1d" -> 1
    | "2d" -> 2
    | "3d" -> 3
    | _ -> raise (NotSupported $"layer '{name}'")

let private kernelOf name size =
    List.replicate (rankOf name) (int size: int)

/// The layer that a line such as `conv2d 1 2 5 stride 2 padding 2` describes.
let private layer (line: string) =
    match line.Split ' ' |> List.ofArray with
    | [ "linear"; inFeatures; outFeatures ] -> Linear(int inFeatures, int outFeatures, true)
    | [ "linear"; inFeatures; outFeatures; "bias"; bias ] ->
        Linear(int inFeatures, int outFeatures, (bias = "true"))
    | ("conv1d" | "conv2d" | "conv3d" as name) :: inChannels :: outChannels :: kernel :: rest ->
        conv (rankOf name) inChannels outChannels kernel rest
    | [ ("batch_norm1d" | "batch_norm2d" | "batch_norm3d"); features ] ->
        BatchNorm(Layer.batchNorm (int features))
    | [ ("max_pool1d" | "max_pool2d" | "max_pool3d" as name); size ] -> Layer.maxPool (kernelOf name size)
    | [ ("avg_pool1d" | "avg_pool2d" | "avg_pool3d" as name); size ] -> Layer.averagePool (kernelOf name size)
    | [ ("adaptive_avg_pool1d" | "adaptive_avg_pool2d" | "adaptive_avg_pool3d" as name); size ] ->
        Pool(PoolSpec.AdaptiveAverage(kernelOf name size))
    | [ "relu" ] -> ReLU
    | [ "flatten" ] -> Flatten 1
    | _ -> raise (NotSupported $"layer '{line}'")

let private loss name =
    match name with
    | "cross_entropy" -> Loss.crossEntropy
    | "mse_loss" -> Loss.mse
    | other -> raise (NotSupported $"loss '{other}'")

/// The tree with its leaves taken by path.
let private load (values: Map<string, Tensor>) (tree: Tree<Tensor>) =
    let value path =
        match values.TryFind path with
        | Some value -> value
        | None -> raise (NotSupported $"the case has no '{path}'")

    Tree.leaves tree |> List.map (fst >> value) |> Structure.rebuild tree

let private run (request: Request) =
    let text name = Attribute.text name request.Attributes
    let keys = Attribute.texts "keys" request.Attributes

    let x, y, values =
        match request.Inputs with
        | x :: y :: values when values.Length = keys.Length -> x, y, Map.ofList (List.zip keys values)
        | inputs -> raise (NotSupported $"{inputs.Length} inputs for {keys.Length} keys")

    match text "outputs" with
    | "losses, gradients at step 0 by grad_keys, final state by keys, eval-mode output" -> ()
    | other -> raise (NotSupported $"outputs '{other}'")

    let training = {
        Model =
            Attribute.texts "architecture" request.Attributes
            |> List.map layer
            |> Layer.sequential
        Loss = Train.lossOf (loss (text "loss"))
        Optimiser = Attribute.inner "optimizer" request.Attributes |> Optim.optimiser "name"
        Metrics = []
    }

    let key = Key.ofSeed 0L
    let fresh = Layer.init key [ x.Shape ] training.Model

    let first = {
        Parameters = load values fresh.Parameters
        State = load values fresh.State
    }

    let lossOf parameters =
        let call = {
            Mode = Mode.Training
            Variables = { first with Parameters = parameters }
            Key = key
        }

        training.Loss [ y ] (fst (Layer.apply training.Model call [ x ]))

    let step =
        Compile.on request.Engine (fun (state, batch) -> Train.step training state batch)

    let folder state _ =
        let state, metrics = step (state, { Inputs = [ x ]; Targets = [ y ] })
        metrics.Loss, state

    let steps = [ 1 .. Attribute.int "steps" request.Attributes ]
    let losses, last = steps |> List.mapFold folder (Train.initWith key first training)
    let gradients = grad lossOf first.Parameters

    let final =
        Tree.leaves last.Variables.Parameters @ Tree.leaves last.Variables.State
        |> Map.ofList

    [
        Tensor.stack 0 losses
        yield!
            Attribute.texts "grad_keys" request.Attributes
            |> List.map (fun path -> Tree.find path gradients)
        yield! keys |> List.map (fun path -> final[path])
        Layer.predict training.Model last.Variables x
    ]

let table = [
    Operation.row
        "model"
        [ "architecture"; "loss"; "optimizer"; "steps"; "keys"; "grad_keys"; "inputs"; "outputs" ]
        run
]
