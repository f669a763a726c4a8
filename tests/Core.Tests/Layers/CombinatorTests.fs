/// Layers made of layers, and those that only route or reshape: values and gradients against the same written by hand.
module FunctionalDL.Tests.Layers.CombinatorTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.Layers.LayerSupport

/// All outputs of a layer in training mode, for parameters and inputs.
let private run layer (first: Variables) (parameters, inputs: Tensor list) =
    Layer.apply layer (training { first with Parameters = parameters }) inputs
    |> fst

/// Fails unless a layer's outputs are those of `byHand`, which is given the parameters by path and the inputs, and so
/// are the gradients of ⟨outputs, sines⟩ by both.
let private shouldBe engine layer (byHand: (string -> Tensor) -> Tensor list -> Tensor list) inputs =
    let on = engineOf engine
    let first = fresh layer

    let given =
        inputs |> List.mapi (fun i shape -> sines shape 1.0 (0.2 + 0.4 * float i))

    let values =
        Tree.leaves first.Parameters
        |> List.mapi (fun i (_, p) -> sines (dimsOf p) 0.5 (0.3 * float i))
        |> Structure.rebuild first.Parameters

    let hand (parameters, inputs) =
        byHand (fun path -> Tree.find path parameters) inputs

    let weighted (f: Tree<Tensor> * Tensor list -> Tensor list) at =
        f at
        |> List.mapi (fun i y -> Tensor.sum (y * sines (dimsOf y) 1.0 (0.9 + float i)))
        |> List.reduce (+)

    let compare what expected actual =
        shouldEqual (List.map dimsOf expected) (List.map dimsOf actual)

        List.zip expected actual
        |> List.iteri (fun i (e, a) -> shouldBeClose $"{what} {i}" 1e-13 (floatsOn on e) (floatsOn on a))

    compare "output" (hand (values, given)) (run layer first (values, given))

    let expected, actual =
        grad (weighted hand) (values, given), grad (weighted (run layer first)) (values, given)

    compare "gradient" (Structure.leaves expected |> List.ofArray) (Structure.leaves actual |> List.ofArray)

let private dense (get: string -> Tensor) path x =
    Tensor.matmul x (Tensor.t (get $"{path}.weight")) + get $"{path}.bias"

let private tanh' = Layer.lambda "tanh" Tensor.tanh

// ---- around and behind -------------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a residual layer is after (body x + shortcut x), its parts named on one level`` (engine: string) =
    let layer =
        Residual {
            Body = [ "first", Layer.linear 3 4; "tanh", tanh'; "second", Layer.linear 4 2 ]
            Shortcut = Some("around", Layer.linear 3 2)
            After = [ "relu", ReLU; "last", Layer.linear 2 2 ]
        }

    let leaves = Tree.leaves (fresh layer).Parameters |> List.map fst
    let both part = [ $"{part}.weight"; $"{part}.bias" ]
    shouldEqual (List.collect both [ "first"; "second"; "around"; "last" ]) leaves

    shouldBe
        engine
        layer
        (fun get inputs ->
            let x = inputs.Head
            let body = dense get "second" (Tensor.tanh (dense get "first" x))
            [ dense get "last" (Tensor.relu (body + dense get "around" x)) ])
        [ [ 5; 3 ] ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``without a shortcut the input itself goes around`` (engine: string) =
    shouldBe
        engine
        (Layer.residual [ Layer.linear 3 3; tanh' ])
        (fun get inputs -> [ Tensor.tanh (dense get "0" inputs.Head) + inputs.Head ])
        [ [ 5; 3 ] ]

[<Test>]
let ``a body and a way around of two sizes, and two parts of one name, are refused with the path`` () =
    let check layer =
        Layer.init (Key.ofSeed 1L) [ Shape.ofList [ 5; 3 ] ] (Sequential [ "block", layer ])
        |> ignore

    raises<ShapeException>
        "block: sum: the branches give [5; 2] and [5; 3]; they need equal shapes"
        (fun () -> check (Layer.residual [ Layer.linear 3 2 ]))

    raises<OptionException> "block: 'a' is the name of 2 layers; each needs its own" (fun () ->
        check (
            Residual {
                Body = [ "a", ReLU ]
                Shortcut = Some("a", ReLU)
                After = []
            }
        ))

// ---- side by side ------------------------------------------------------------------------------------------------

let private branches = [ "left", Layer.linear 3 2; "right", Layer.linear 3 2 ]

let private parallel' route join =
    Parallel {
        Branches = branches
        Route = route
        Join = join
        After = []
    }

let private joins: (Join * (Tensor -> Tensor -> Tensor list)) list = [
    Join.Separate, (fun a b -> [ a; b ])
    Join.Sum, (fun a b -> [ a + b ])
    Join.Product, (fun a b -> [ a * b ])
    Join.Concat 1, (fun a b -> [ Tensor.cat 1 [ a; b ] ])
    Join.Concat 0, (fun a b -> [ Tensor.cat 0 [ a; b ] ])
]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``branches get all inputs or one each, and are joined in four ways`` (engine: string) =
    for join, byHand in joins do
        shouldBe
            engine
            (parallel' Route.All join)
            (fun get inputs -> byHand (dense get "left" inputs.Head) (dense get "right" inputs.Head))
            [ [ 5; 3 ] ]

        shouldBe
            engine
            (parallel' Route.OneEach join)
            (fun get inputs -> byHand (dense get "left" inputs[0]) (dense get "right" inputs[1]))
            [ [ 5; 3 ]; [ 5; 3 ] ]

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``layers behind the branches take what they give together`` (engine: string) =
    let layer =
        Parallel {
            Branches = branches
            Route = Route.All
            Join = Join.Concat 1
            After = [ "tanh", tanh'; "head", Layer.linear 4 1 ]
        }

    shouldBe
        engine
        layer
        (fun get inputs ->
            let x = inputs.Head
            [ dense get "head" (Tensor.tanh (Tensor.cat 1 [ dense get "left" x; dense get "right" x ])) ])
        [ [ 5; 3 ] ]

[<Test>]
let ``branches that do not meet, and inputs that are not one each, are refused`` () =
    let check layer shapes =
        Layer.init (Key.ofSeed 1L) (List.map Shape.ofList shapes) layer |> ignore

    let uneven =
        Parallel {
            Branches = [ "a", Layer.linear 3 2; "b", Layer.linear 3 4 ]
            Route = Route.All
            Join = Join.Product
            After = []
        }

    raises<ShapeException> "product: the branches give [5; 2] and [5; 4]; they need equal shapes" (fun () ->
        check uneven [ [ 5; 3 ] ])

    messageOf<ShapeException>(fun () -> check (parallel' Route.OneEach Join.Sum) [ [ 5; 3 ] ])
    |> shouldContain [ "parallel"; "1 inputs for 2 branches" ]

// ---- routing and reshaping ---------------------------------------------------------------------------------------

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``choosing gives one input, and the others no gradient`` (engine: string) =
    shouldBe engine (Choose 1) (fun _ inputs -> [ inputs[1] * 1.0 + 0.0 * inputs[0] ]) [ [ 2 ]; [ 2 ] ]

    raises<ShapeException> "choose: there is no input 2 among 1" (fun () ->
        Layer.apply (Choose 2) (evaluating none) [ Tensor.ones [ 1 ] ] |> ignore)

[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a view keeps the elements in order under another shape, the batch's axis included (row 11)``
    (engine: string)
    =
    shouldBe engine (View [ -1 ]) (fun _ inputs -> [ Tensor.reshape [ 12 ] inputs.Head ]) [ [ 2; 3; 2 ] ]
    shouldBe engine (View [ 4; -1 ]) (fun _ inputs -> [ Tensor.reshape [ 4; 3 ] inputs.Head ]) [ [ 2; 3; 2 ] ]
    let x = sines [ 2; 3 ] 1.0 0.2
    let y = one (Layer.apply (View [ -1 ]) (evaluating none) [ x ])
    shouldBeExactly "order" (floatsOn (engineOf engine) x) (floatsOn (engineOf engine) y)

    messageOf<ShapeException>(fun () ->
        Layer.apply (View [ 5; -1 ]) (evaluating none) [ Tensor.ones [ 2; 3 ] ]
        |> ignore)
    |> shouldContain [ "reshape"; "[2; 3]" ]

/// The notebook's own Flatten to one axis, and its leaky ReLU, inside a sequence.
[<TestCase("reference")>]
[<TestCase("cpu")>]
let ``a function of one's own is a layer, and leaky ReLU has its slope below 0 (row 11)`` (engine: string) =
    let on = engineOf engine
    let flat = Layer.lambda "flat" (fun x -> Tensor.reshape [ x.Shape.Size ] x)

    shouldBe
        engine
        (Layer.sequential [ Layer.linear 3 1; flat ])
        (fun get inputs -> [ Tensor.squeeze 1 (dense get "0" inputs.Head) ])
        [ [ 5; 3 ] ]

    let x = float64s [ 4 ] [ -2.0; -0.5; 0.5; 3.0 ]

    for slope in [ 0.0; 0.1; 1.0 ] do
        let layer = Activation(ActivationFunction.LeakyReLU slope)

        let leaky x =
            one (Layer.apply layer (evaluating none) [ x ])

        shouldBeClose "value" 1e-15 [| -2.0 * slope; -0.5 * slope; 0.5; 3.0 |] (floatsOn on (leaky x))
        shouldBeExactly "slope" [ slope; slope; 1.0; 1.0 ] (floatsOn on (grad (leaky >> Tensor.sum) x))

    let plain = one (Layer.apply ReLU (evaluating none) [ x ])

    let leaky =
        one (Layer.apply (Activation(ActivationFunction.LeakyReLU 0.0)) (evaluating none) [ x ])

    shouldBeExactly "slope 0 is ReLU" (floatsOn on plain) (floatsOn on leaky)

// ---- going through -----------------------------------------------------------------------------------------------

let private nested =
    Sequential [
        "stem", Layer.linear 3 3
        "block",
        Residual {
            Body = [ "dense", Layer.linear 3 3; "norm", BatchNorm(Layer.batchNorm 3) ]
            Shortcut = None
            After = [ "relu", ReLU ]
        }
    ]

[<Test>]
let ``named lists a layer and all below it, outer ones first`` () =
    shouldEqual
        [ ""; "stem"; "block"; "block.dense"; "block.norm"; "block.relu" ]
        (Layer.named nested |> List.map fst)

    shouldEqual [ "stem"; "block" ] (Layer.children nested |> List.map fst)

[<Test>]
let ``mapVariables gives each layer its path and its own variables, and changes no others (row 15)`` () =
    let before = fresh nested
    let mutable seen = []

    let change path layer (variables: Variables) =
        seen <- (path, Tree.leaves variables.Parameters |> List.map fst) :: seen

        match layer with
        | Linear _ when path = "block.dense" -> {
            variables with
                Parameters = Tree.map Tensor.zerosLike variables.Parameters
          }
        | _ -> variables

    let after = Layer.mapVariables change nested before
    let names = [ "weight"; "bias" ]

    shouldEqual [ "stem", names; "block.dense", names; "block.norm", names; "block.relu", [] ] (List.rev seen)

    for path, tensor in Tree.leaves after.Parameters do
        let expected =
            if path.StartsWith "block.dense" then
                Array.zeroCreate tensor.Shape.Size
            else
                Tensor.toFloats (Tree.find path before.Parameters)

        shouldBeExactly path expected (Tensor.toFloats tensor)

    shouldEqual (Tree.leaves before.State |> List.map fst) (Tree.leaves after.State |> List.map fst)
    // What comes out is what the network takes.
    let y = one (Layer.apply nested (evaluating after) [ sines [ 2; 3 ] 1.0 0.2 ])
    shouldEqual [ 2; 3 ] (dimsOf y)
