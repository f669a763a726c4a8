/// Optimisers: the parameters after each of some steps.
module FunctionalDL.Conformance.Families.Optim

open FunctionalDL.Core
open FunctionalDL.Conformance

/// The pair that `betas` is.
let private betasOr (first, second) options =
    match Attribute.tryFind "betas" options with
    | None -> first, second
    | Some json when json.GetArrayLength() = 2 -> json[0].GetDouble(), json[1].GetDouble()
    | Some json -> raise (NotSupported $"option 'betas' = {json.GetRawText()}")

let private adam (defaults: AdamOptions) options = {
    defaults with
        Lr = Attribute.floatOr defaults.Lr "lr" options
        Betas = betasOr defaults.Betas options
        Eps = Attribute.floatOr defaults.Eps "eps" options
        WeightDecay = Attribute.floatOr defaults.WeightDecay "weight_decay" options
        Amsgrad = Attribute.boolOr defaults.Amsgrad "amsgrad" options
}

let private rmsProp options =
    let defaults = RmsPropOptions.Default

    {
        defaults with
            Lr = Attribute.floatOr defaults.Lr "lr" options
            Alpha = Attribute.floatOr defaults.Alpha "alpha" options
            Eps = Attribute.floatOr defaults.Eps "eps" options
            WeightDecay = Attribute.floatOr defaults.WeightDecay "weight_decay" options
            Momentum = Attribute.floatOr defaults.Momentum "momentum" options
            Centered = Attribute.boolOr defaults.Centered "centered" options
    }

let private sgd options = {
    SgdOptions.Default with
        Lr = Attribute.float "lr" options
        Momentum = Attribute.floatOr 0.0 "momentum" options
        Dampening = Attribute.floatOr 0.0 "dampening" options
        WeightDecay = Attribute.floatOr 0.0 "weight_decay" options
        Nesterov = Attribute.boolOr false "nesterov" options
}

/// The optimiser that options by PyTorch's names describe; `name` holds its name.
let optimiser name (options: Attributes) : Optimiser =
    let lr = Attribute.float "lr" options

    let known, make =
        match Attribute.text name options with
        | "sgd" ->
            [ "momentum"; "dampening"; "weight_decay"; "nesterov" ], fun () -> Optimiser.sgdWith (sgd options)
        | "adam" ->
            [ "betas"; "eps"; "weight_decay"; "amsgrad" ],
            fun () -> Optimiser.adamWith (adam AdamOptions.Default options)
        | "adamw" ->
            [ "betas"; "eps"; "weight_decay"; "amsgrad" ],
            fun () -> Optimiser.adamWWith (adam AdamOptions.DefaultW options)
        | "rmsprop" ->
            [ "alpha"; "eps"; "weight_decay"; "momentum"; "centered" ],
            fun () -> Optimiser.rmsPropWith (rmsProp options)
        | "adagrad" -> [], fun () -> Optimiser.adagrad lr
        | "adadelta" -> [], fun () -> Optimiser.adadelta lr
        | "nadam" -> [], fun () -> Optimiser.nadam lr
        | "radam" -> [], fun () -> Optimiser.radam lr
        | "adamax" -> [], fun () -> Optimiser.adamax lr
        | other -> raise (NotSupported $"optimiser '{other}'")

    options |> Attribute.only (name :: "lr" :: known)
    make ()

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
