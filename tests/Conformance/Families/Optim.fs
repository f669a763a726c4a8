/// Optimisers: the parameters after each of some steps.
module FunctionalDL.Conformance.Families.Optim

open FunctionalDL.Core
open FunctionalDL.Conformance

/// The optimiser that options by PyTorch's names describe; `name` holds its name.
let optimiser name (options: Attributes) : Optimiser =
    match Attribute.text name options with
    | "sgd" ->
        options
        |> Attribute.only [ name; "lr"; "momentum"; "dampening"; "weight_decay"; "nesterov" ]

        let orNone = Attribute.floatOr 0.0

        Optimiser.sgdWith {
            Lr = Attribute.float "lr" options
            Momentum = orNone "momentum" options
            Dampening = orNone "dampening" options
            WeightDecay = orNone "weight_decay" options
            Nesterov = Attribute.boolOr false "nesterov" options
        }
    | other -> raise (NotSupported $"optimiser '{other}'")

/// What belongs to the case, not to the optimiser.
let private caseOptions = [ "steps"; "loss"; "inputs"; "outputs" ]

let private run request =
    let matrix, goal, first =
        match request.Inputs with
        | [ a; b; p; q ] -> a, b, Branch [ "p", Leaf p; "q", Leaf q ]
        | inputs -> raise (NotSupported $"{inputs.Length} inputs")

    let loss (parameters: Tree<Tensor>) =
        let p, q = Tree.find "p" parameters, Tree.find "q" parameters

        Tensor.mean (Tensor.square (Tensor.matmul matrix p - goal))
        + Tensor.sum (Tensor.sin q * q)

    match Attribute.text "loss" request.Attributes with
    | "mean((A p - b)^2) + sum(sin(q) q)" -> ()
    | other -> raise (NotSupported $"loss '{other}'")

    let optimiser =
        request.Attributes
        |> Map.filter (fun name _ -> not (List.contains name caseOptions))
        |> optimiser "optimizer"

    let step =
        Compile.on request.Engine (fun (parameters, state) ->
            let value, gradients = valueAndGrad loss parameters
            let parameters, state = optimiser |> Optimiser.update gradients state parameters
            parameters, state, value)

    let folder (parameters, state) _ =
        let parameters, state, value = step (parameters, state)
        (Structure.leaves parameters, value), (parameters, state)

    let steps = [ 1 .. Attribute.int "steps" request.Attributes ]
    let taken, _ = steps |> List.mapFold folder (first, Optimiser.init first optimiser)

    let row (leaves: Tensor[], _) =
        leaves |> List.ofArray |> List.map (Tensor.reshape [ -1 ]) |> Tensor.cat 0

    [ Tensor.stack 0 (List.map row taken); Tensor.stack 0 (List.map snd taken) ]

let table = [
    // Which options there are depends on the optimiser, which checks them itself.
    "optimizer",
    {
        Options =
            caseOptions
            @ [
                "optimizer"
                "lr"
                "momentum"
                "dampening"
                "weight_decay"
                "nesterov"
                "betas"
                "eps"
                "amsgrad"
                "alpha"
                "centered"
            ]
        Run = run
    }
]
