namespace FunctionalDL.Core

/// Whether a network is being trained: dropout drops and batch statistics are the batch's only then.
[<RequireQualifiedAccess>]
type Mode =
    | Training
    | Evaluation

/// What a layer's derivatives are taken for, and what it remembers between calls.
type Variables = {
    Parameters: Tree<Tensor>
    State: Tree<Tensor>
}

/// Everything a layer is given besides its inputs.
type Call = {
    Mode: Mode
    Variables: Variables
    /// For layers that draw random numbers.
    Key: Key
}

/// A layer written by a user, or a C# module: functions instead of data.
[<NoComparison; CustomEquality>]
type CustomLayer = {
    /// What it is called in messages.
    Name: string
    /// First variables, for inputs of these shapes.
    Init: Key -> Shape list -> Variables
    /// Outputs and new state. Pure.
    Apply: Call -> Tensor list -> Tensor list * Tree<Tensor>
} with

    override this.Equals other = obj.ReferenceEquals(this, other)
    override this.GetHashCode() = hash this.Name

/// A layer is data: it can be looked at, compared and matched on. `Layer.init` and `Layer.apply` say what it
/// does.
[<NoComparison>]
type Layer =
    /// `x · weightᵀ + bias`, weight `[outFeatures; inFeatures]`.
    | Linear of inFeatures: int * outFeatures: int * bias: bool
    /// `max(x, 0)`.
    | ReLU
    /// All axes from `startDim` on as one.
    | Flatten of startDim: int
    /// One after the other, each under its name.
    | Sequential of (string * Layer) list
    | Custom of CustomLayer

/// What layers do.
[<RequireQualifiedAccess>]
module Layer =

    /// Layers one after the other, named `0`, `1`, ….
    let sequential layers =
        Sequential(layers |> List.mapi (fun i layer -> string i, layer))

    /// A linear layer with bias.
    let linear inFeatures outFeatures = Linear(inFeatures, outFeatures, true)

    let private noVariables = {
        Parameters = Tree.empty
        State = Tree.empty
    }

    let private child name variables = {
        Parameters = Tree.child name variables.Parameters
        State = Tree.child name variables.State
    }

    let private single name (inputs: Tensor list) =
        match inputs with
        | [ x ] -> x
        | _ -> Fail.shape $"{name}: it was given {inputs.Length} inputs; it takes one"

    /// The message of an error with the path of the layer in front, so that the user finds the place.
    let private within (name: string) (run: unit -> 'a) : 'a =
        try
            run ()
        with :? ShapeException as e ->
            Fail.shape $"{name}: {e.Message}"

    let private initLinear key inFeatures outFeatures bias =
        if inFeatures < 1 || outFeatures < 1 then
            Fail.option $"linear: {inFeatures} in and {outFeatures} out features; both must be at least 1"

        let weight =
            Init.weight DType.Float32 [ outFeatures; inFeatures ] (Key.child "weight" key)

        let parameters = [
            "weight", Leaf weight
            if bias then
                "bias", Leaf(Init.bias DType.Float32 inFeatures [ outFeatures ] (Key.child "bias" key))
        ]

        {
            noVariables with
                Parameters = Branch parameters
        }

    /// The outputs and the new state of a layer. Pure: the same arguments give the same results.
    let rec apply (layer: Layer) (call: Call) (inputs: Tensor list) : Tensor list * Tree<Tensor> =
        let state = call.Variables.State

        match layer with
        | Linear(_, _, bias) ->
            let parameter name =
                Tree.find name call.Variables.Parameters

            let bias = if bias then Some(parameter "bias") else None
            [ single "linear" inputs |> Tensor.linear (parameter "weight") bias ], state
        | ReLU -> [ single "relu" inputs |> Tensor.relu ], state
        | Flatten start -> [ single "flatten" inputs |> Tensor.flatten start ], state
        | Sequential layers ->
            let step (inputs, states) (name, layer) =
                let inner = {
                    call with
                        Variables = child name call.Variables
                        Key = Key.child name call.Key
                }

                let outputs, state = within name (fun () -> apply layer inner inputs)
                outputs, (name, state) :: states

            let outputs, states = layers |> List.fold step (inputs, [])
            outputs, Branch(List.rev states)
        | Custom custom -> custom.Apply call inputs

    /// First variables of a layer whose inputs have these shapes; the shapes inside follow from the graph,
    /// and nothing is computed for them. Raises ShapeException, with the path of the layer, when shapes do
    /// not meet.
    let rec init (key: Key) (shapes: Shape list) (layer: Layer) : Variables =
        match layer with
        | Linear(inFeatures, outFeatures, bias) -> initLinear key inFeatures outFeatures bias
        | ReLU
        | Flatten _ -> noVariables
        | Sequential layers ->
            let step (shapes, made) (name, layer) =
                let variables = within name (fun () -> init (Key.child name key) shapes layer)
                let shapes = within name (fun () -> outputShapes layer variables shapes)
                shapes, (name, variables) :: made

            let _, made = layers |> List.fold step (shapes, [])

            let part choose =
                made |> List.rev |> List.map (fun (name, v) -> name, choose v) |> Branch

            {
                Parameters = part _.Parameters
                State = part _.State
            }
        | Custom custom -> custom.Init key shapes

    /// The shapes that come out, from the graph of a call on symbols.
    and private outputShapes layer variables (shapes: Shape list) =
        let symbols =
            shapes
            |> List.map (fun s -> Tensor(Graph.symbol "input" { DType = DType.Float32; Shape = s }))

        let call = {
            Mode = Mode.Evaluation
            Variables = variables
            Key = Key.ofSeed 0L
        }

        apply layer call symbols |> fst |> List.map _.Shape

    /// The output of a trained network with one input and one output.
    let predict (layer: Layer) (variables: Variables) (x: Tensor) : Tensor =
        let call = {
            Mode = Mode.Evaluation
            Variables = variables
            Key = Key.ofSeed 0L
        }

        match apply layer call [ x ] with
        | [ y ], _ -> y
        | ys, _ -> Fail.shape $"predict: the network has {ys.Length} outputs; use apply"
