namespace FunctionalDL.Core

/// What a recurrent layer does with the input `x` and its last state at each step.
[<RequireQualifiedAccess>]
type RecurrentCell =
    /// `h' = tanh (W_ih x + b_ih + W_hh h + b_hh)`.
    | Tanh
    /// The same with a rectifier.
    | ReLU
    /// Input, forget, cell and output gate, in this order. S. Hochreiter, J. Schmidhuber, "Long short-term
    /// memory", Neural Computation 1997.
    | LSTM
    /// Reset, update and new gate, in this order; the reset acts on the product of the new gate. K. Cho and
    /// others, "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
    | GRU

/// A recurrent network over `[time; batch; inputSize]` (or batch first). Inputs: the sequences; then, where
/// there is one, the first state `[numLayers · directions; batch; hiddenSize]` (two for an LSTM); then, for
/// sequences of unequal length, their lengths `[batch]` (int64, in any order; what lies behind them is not
/// looked at). Outputs: all hidden states of the last layer `[time; batch; directions · hiddenSize]`, which
/// are 0 behind the lengths, and the last state of every layer and direction. Parameters have PyTorch's names:
/// `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, `weight_ih_l0_reverse`, …
type RecurrentSpec = {
    Cell: RecurrentCell
    InputSize: int
    HiddenSize: int
    NumLayers: int
    Bias: bool
    /// Whether sequences are `[batch; time; …]`.
    BatchFirst: bool
    /// The probability that an element is dropped between layers, while training.
    Dropout: float
    /// Whether there is a second network that reads backwards; outputs are joined.
    Bidirectional: bool
}

/// Recurrent layers.
[<RequireQualifiedAccess>]
module internal RecurrentLayers =

    let private gates cell =
        match cell with
        | RecurrentCell.Tanh
        | RecurrentCell.ReLU -> 1
        | RecurrentCell.LSTM -> 4
        | RecurrentCell.GRU -> 3

    /// How many tensors a state has.
    let private stateSize cell =
        match cell with
        | RecurrentCell.LSTM -> 2
        | RecurrentCell.Tanh
        | RecurrentCell.ReLU
        | RecurrentCell.GRU -> 1

    /// The ends of the parameters' names, forwards and backwards.
    let private directions spec layer = [
        $"l{layer}"
        if spec.Bidirectional then
            $"l{layer}_reverse"
    ]

    /// PyTorch's: all uniform in `±1 / sqrt hiddenSize`.
    let init (start: Start) (spec: RecurrentSpec) =
        Part.requirePositive "recurrent" [
            "inputs", spec.InputSize
            "hidden features", spec.HiddenSize
            "layers", spec.NumLayers
        ]

        Part.requireProbability "recurrent" spec.Dropout
        let rows = gates spec.Cell * spec.HiddenSize
        let width = spec.HiddenSize * (directions spec 0).Length

        let draw name shape =
            name, Init.bias start.DType spec.HiddenSize shape (Part.keyOf name start)

        Part.parameters [
            for layer in 0 .. spec.NumLayers - 1 do
                let inputs = if layer = 0 then spec.InputSize else width

                for suffix in directions spec layer do
                    draw $"weight_ih_{suffix}" [ rows; inputs ]
                    draw $"weight_hh_{suffix}" [ rows; spec.HiddenSize ]

                    if spec.Bias then
                        draw $"bias_ih_{suffix}" [ rows ]
                        draw $"bias_hh_{suffix}" [ rows ]
        ]

    /// The next state, from what the input and the last hidden state give the gates.
    let private next cell (ofInput: Tensor) (ofHidden: Tensor) (state: Tensor list) =
        match cell, state with
        | RecurrentCell.Tanh, _ -> [ Tensor.tanh (ofInput + ofHidden) ]
        | RecurrentCell.ReLU, _ -> [ Tensor.relu (ofInput + ofHidden) ]
        | RecurrentCell.LSTM, [ _; memory ] ->
            let gate i =
                Tensor.narrow 1 (i * memory.Shape[1]) memory.Shape[1] (ofInput + ofHidden)

            let memory =
                Tensor.sigmoid (gate 1) * memory
                + Tensor.sigmoid (gate 0) * Tensor.tanh (gate 2)

            [ Tensor.sigmoid (gate 3) * Tensor.tanh memory; memory ]
        | RecurrentCell.GRU, [ hidden ] ->
            let part i =
                Tensor.narrow 1 (i * hidden.Shape[1]) hidden.Shape[1]

            let reset = Tensor.sigmoid (part 0 ofInput + part 0 ofHidden)
            let update = Tensor.sigmoid (part 1 ofInput + part 1 ofHidden)
            let fresh = Tensor.tanh (part 2 ofInput + reset * part 2 ofHidden)
            [ fresh + update * (hidden - fresh) ]
        | (RecurrentCell.LSTM | RecurrentCell.GRU), _ -> invalidOp "a state of another cell"

    /// One direction of one layer: all hidden states `[time; batch; hidden]` and the last state. Behind a
    /// sequence's end the state stands still and the output is 0.
    let private scan spec suffix isBackward (call: Call) (lengths: Tensor option) state (x: Tensor) =
        let parameter what = Part.parameter $"{what}_{suffix}" call

        let bias what =
            Part.parameterIf spec.Bias $"{what}_{suffix}" call

        // The inputs of all steps at once: one large product instead of many small ones.
        let ofInputs =
            Tensor.linear (parameter "weight_ih") (bias "bias_ih") x
            |> Arrange.unbind 0
            |> List.indexed

        let step state (time: int, ofInput) =
            let ofHidden =
                Tensor.linear (parameter "weight_hh") (bias "bias_hh") (List.head state)

            let moved = next spec.Cell ofInput ofHidden state

            match lengths with
            | None -> moved.Head, moved
            | Some lengths ->
                let isInside =
                    Tensor.gt lengths (Tensor.FullLike(lengths, time)) |> Tensor.unsqueeze 1

                Tensor.where isInside moved.Head (Tensor.zerosLike moved.Head),
                List.map2 (Tensor.where isInside) moved state

        if isBackward then
            let outputs, last = List.mapFold step state (List.rev ofInputs)
            Tensor.stack 0 (List.rev outputs), last
        else
            let outputs, last = List.mapFold step state ofInputs
            Tensor.stack 0 outputs, last

    /// The first states and the lengths among the inputs after the first.
    let private read spec (x: Tensor) (given: Tensor list) =
        let states, lengths = given |> List.partition (fun t -> DType.isFloat t.DType)
        let count = stateSize spec.Cell
        let copies = spec.NumLayers * (directions spec 0).Length
        let shape = [ copies; x.Shape[1]; spec.HiddenSize ]

        let states =
            match states with
            | [] -> List.replicate count (Tensor.full x.DType shape 0.0)
            | _ when states.Length <> count ->
                Fail.shape $"recurrent: {states.Length} first states are given; it takes {count}, or none"
            | _ -> states

        for state in states do
            if not (state.Shape.Equals(Shape.ofList shape)) then
                Fail.shape
                    $"recurrent: a first state is {state.Shape}; it needs [layers · directions; batch; hidden], {Text.bracketed shape}"

        match lengths with
        | [] -> states, None
        | [ lengths ] when lengths.Rank = 1 && lengths.Shape[0] = x.Shape[1] -> states, Some lengths
        | _ ->
            Fail.shape
                $"recurrent: the lengths are not one whole number for each of the {x.Shape[1]} sequences"

    let apply (spec: RecurrentSpec) (call: Call) (inputs: Tensor list) : Tensor list =
        let layout =
            if spec.BatchFirst then
                "[batch; time; inputs]"
            else
                "[time; batch; inputs]"

        let x =
            match inputs with
            | x :: _ when
                x.Rank = 3
                && x.Shape[2] = spec.InputSize
                && x.Shape[if spec.BatchFirst then 1 else 0] > 0
                ->
                if spec.BatchFirst then Tensor.transpose 0 1 x else x
            | x :: _ ->
                Fail.shape
                    $"recurrent: input {x.Shape} is not {layout} with {spec.InputSize} inputs and at least one step"
            | [] -> Fail.shape "recurrent: it was given no input"

        let states, lengths = read spec x inputs.Tail
        let width = (directions spec 0).Length

        let stateOf copy =
            states |> List.map (Indexing.select 0 copy)

        let layer (x: Tensor) number =
            let x =
                match call.Mode with
                | Mode.Training when number > 0 ->
                    let key = Key.child $"l{number}" call.Key
                    Part.drop spec.Dropout (List.ofArray (x.Shape.ToArray())) key x
                | Mode.Training
                | Mode.Evaluation -> x

            let outputs, last =
                directions spec number
                |> List.mapi (fun direction suffix ->
                    scan spec suffix (direction = 1) call lengths (stateOf (number * width + direction)) x)
                |> List.unzip

            last, (if width = 1 then outputs.Head else Tensor.cat 2 outputs)

        let lasts, y = List.mapFold layer x [ 0 .. spec.NumLayers - 1 ]

        let lasts = List.transpose (List.concat lasts) |> List.map (Tensor.stack 0)
        (if spec.BatchFirst then Tensor.transpose 0 1 y else y) :: lasts
