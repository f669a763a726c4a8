namespace FunctionalDL.Core

/// When layers are scaled well enough, and when to give up.
type LsuvOptions = {
    /// How far from 1 the variance of a layer's outputs may stay.
    Tolerance: float
    /// How often a layer is scaled at most.
    MaxIterations: int
} with

    /// The paper's: 0.1, and 10 times.
    static member Default = { Tolerance = 0.1; MaxIterations = 10 }

/// Layer-sequential unit variance: first weights by looking at data. Each linear, bilinear and convolution layer is
/// divided by the standard deviation of its own outputs, from the input's side on, so that a batch keeps its variance
/// through any depth and whatever lies between. D. Mishkin, J. Matas, "All you need is a good init", ICLR 2016,
/// algorithm 1.
[<RequireQualifiedAccess>]
module Lsuv =

    let private hasWeights layer =
        match layer with
        | Linear _
        | Bilinear _
        | Conv _
        | ConvTranspose _ -> true
        | Embedding _
        | BatchNorm _
        | LayerNorm _
        | GroupNorm _
        | InstanceNorm _
        | Dropout _
        | Pool _
        | ReLU
        | Activation _
        | Flatten _
        | View _
        | Lambda _
        | Recurrent _
        | MultiheadAttention _
        | Choose _
        | Sequential _
        | Residual _
        | Parallel _
        | Custom _ -> false

    /// Changes the parameters of a layer by name.
    let private change f (variables: Variables) = {
        variables with
            Parameters =
                Tree.leaves variables.Parameters
                |> List.map (fun (name, p) -> name, f name p)
                |> Tree.ofLeaves
    }

    /// Orthonormal weights and biases of 0 for all linear, bilinear and convolution layers: what the paper scales.
    let orthonormal (key: Key) (layer: Layer) (variables: Variables) : Variables =
        let ofLayer path layer (variables: Variables) =
            let first name (p: Tensor) =
                if name = "weight" then
                    Init.orthogonal p.DType 1.0 (List.ofArray p.Shape.Dims) (Key.child path key)
                else
                    Tensor.zerosLike p

            if hasWeights layer then
                change first variables
            else
                variables

        Layer.mapVariables ofLayer layer variables

    let private variance path (outputs: Tensor list) =
        let found = Tensor.item (Tensor.var 0 [] outputs.Head)

        if not (found > 0.0 && found < infinity) then
            Fail.value (
                $"lsuv: the outputs of layer '{path}' have the variance {found}; the batch must be one that the layers "
                + "before do not make all equal, nor infinite"
            )

        found

    /// Variables with each layer scaled until the variance of its outputs is 1, for a batch of inputs and in
    /// evaluation mode; nothing else changes. Raises ValueException, with the path, for a layer whose outputs are all
    /// equal or not finite.
    let scale (options: LsuvOptions) (inputs: Tensor list) (layer: Layer) (variables: Variables) : Variables =
        let rec scaled path layer (call: Call) inputs rounds =
            let outputs, _ = Walk.applyOne layer call inputs

            if rounds = 0 || not (hasWeights layer) then
                outputs, call.Variables
            else
                let variance = variance path outputs

                if abs (variance - 1.0) < options.Tolerance then
                    outputs, call.Variables
                else
                    let divide name (p: Tensor) =
                        if name = "weight" then p / sqrt variance else p

                    let variables = change divide call.Variables
                    scaled path layer { call with Variables = variables } inputs (rounds - 1)

        let visitor = {
            Enter = Layer.childCall
            Visit = fun path call layer inputs -> scaled path layer call inputs options.MaxIterations
            Gather = Walk.together
        }

        Walk.run visitor "" (Layer.evaluation variables) layer inputs |> snd

    /// First variables as in the paper: orthonormal weights, scaled for a batch of inputs. `start` says in which type,
    /// and from which key. Raises as `Layer.initWith` and `scale` do.
    let init (options: LsuvOptions) (start: Start) (inputs: Tensor list) (layer: Layer) : Variables =
        Layer.initWith start (inputs |> List.map _.Node.Type) layer
        |> orthonormal (Key.child "lsuv" start.Key) layer
        |> scale options inputs layer
