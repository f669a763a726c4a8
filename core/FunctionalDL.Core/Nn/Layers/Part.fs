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

/// What first variables are made with.
type Start = {
    /// The type of parameters and of running statistics.
    DType: DType
    Key: Key
}

/// What the layers share: making variables, and reading a call.
[<RequireQualifiedAccess>]
module internal Part =

    let noVariables = {
        Parameters = Tree.empty
        State = Tree.empty
    }

    /// Variables of these parameters and nothing else.
    let parameters (entries: (string * Tensor) list) = {
        noVariables with
            Parameters = Tree.ofLeaves entries
    }

    /// The parameter of that name.
    let parameter name (call: Call) =
        Tree.find name call.Variables.Parameters

    /// The parameter of that name, where there is one.
    let parameterIf exists name call =
        if exists then Some(parameter name call) else None

    /// The key that a parameter is drawn from.
    let keyOf name (start: Start) = Key.child name start.Key

    /// The only input.
    let single name (inputs: Tensor list) =
        match inputs with
        | [ x ] -> x
        | _ -> Fail.shape $"{name}: it was given {inputs.Length} inputs; it takes one"

    /// Raises OptionException unless all of these named sizes are at least 1.
    let requirePositive operation (sizes: (string * int) list) =
        for name, size in sizes do
            if size < 1 then
                Fail.option $"{operation}: {size} {name}; at least 1 is needed"

    /// Raises OptionException unless a probability is one.
    let requireProbability operation (p: float) =
        if not (p >= 0.0 && p <= 1.0) then
            Fail.option $"{operation}: p is {p}; a probability is 0 to 1"

    /// A weight as PyTorch draws it, and, where wanted, a bias in the same bounds.
    let weightAndBias (start: Start) (shape: int list) biasSize hasBias =
        let struct (fanIn, _) = Init.fans (Shape.ofList shape)

        parameters [
            "weight", Init.weight start.DType shape (keyOf "weight" start)
            if hasBias then
                "bias", Init.bias start.DType fanIn [ biasSize ] (keyOf "bias" start)
        ]

    let ones (start: Start) shape = Tensor.full start.DType shape 1.0
    let zeros (start: Start) shape = Tensor.full start.DType shape 0.0

    /// Zeroes some elements and multiplies the others with `1 / (1 - p)`, so that means stay. `shape` is that
    /// of the mask, which broadcasts. G. E. Hinton and others, "Improving neural networks by preventing
    /// co-adaptation of feature detectors", 2012.
    let drop (p: float) (shape: int list) key (x: Tensor) =
        if p = 0.0 then
            x
        elif p = 1.0 then
            Tensor.zerosLike x
        else
            let uniform = Key.uniform x.DType shape key
            let isKept = Tensor.ge uniform (Tensor.full x.DType [] p)
            Tensor.where isKept (x * (1.0 / (1.0 - p))) (Tensor.full x.DType [] 0.0)
