// The core from scratch.
//
// This is the core of FunctionalDL once more, about 250 lines of it, to be read in one sitting: tensors as
// lazy graphs, derivatives in both modes and of any order, and a compiler that flattens a function and
// replays it. It uses nothing of the library:
//
//     dotnet fsi docs/core-from-scratch.fsx
//
// Every tensor here is a matrix of float64; a number is a matrix with one row and one column. Notes that
// begin with "The real one differs" say where the library does more, and in which file of
// core/FunctionalDL.Core.

open System
open System.Collections.Generic

// ---- 1. The primitives ----------------------------------------
//
// Everything that can be computed is a case of one closed union. What a case needs besides its operands (a
// shape, a value) lies in the case. The operands have any type 'x: nodes make it a graph, numbers of slots
// a program, shapes the question "what shape comes out?", and arrays the question "what are the
// elements?". The union is the only list of primitives: whoever adds a case is told by the compiler which
// matches do not know it yet (docs/adding-a-primitive.md).
//
// The real one differs: Prim.fs has more cases, with the functions of one and of two elements as unions of
// their own. Incomplete matches are errors there (Directory.Build.props), and no match over primitives
// ends in a wildcard.

type Shape = int * int

[<RequireQualifiedAccess>]
type Prim<'x> =
    | Fill of value: float * shape: Shape
    | Tanh of 'x
    | Add of 'x * 'x
    | Mul of 'x * 'x
    | SumTo of shape: Shape * 'x
    | Expand of shape: Shape * 'x
    | MatMul of 'x * 'x
    | Transpose of 'x
    | Variable of 'x

module Prim =
    let map (f: 'x -> 'y) (prim: Prim<'x>) : Prim<'y> =
        match prim with
        | Prim.Fill(value, shape) -> Prim.Fill(value, shape)
        | Prim.Tanh x -> Prim.Tanh(f x)
        | Prim.Add(a, b) -> Prim.Add(f a, f b)
        | Prim.Mul(a, b) -> Prim.Mul(f a, f b)
        | Prim.SumTo(shape, x) -> Prim.SumTo(shape, f x)
        | Prim.Expand(shape, x) -> Prim.Expand(shape, f x)
        | Prim.MatMul(a, b) -> Prim.MatMul(f a, f b)
        | Prim.Transpose x -> Prim.Transpose(f x)
        | Prim.Variable x -> Prim.Variable(f x)

    let operands prim =
        let found = List<'x>()
        map found.Add prim |> ignore
        List.ofSeq found

// ---- 2. The shape check ----------------------------------------
//
// A primitive over shapes gives the shape of the result or refuses. Operands of Add and Mul must agree
// exactly: stretching is a primitive of its own, so every other rule is spared the question.
//
// The real one differs: Rules/Typing.fs also checks element types, and its messages name the nearest fix.
// Broadcasting and promotion are inserted where a user calls an operation (Tensor.fs, Operations.fs).

let stretches (small: Shape) (large: Shape) =
    let fits s l = s = l || s = 1
    fits (fst small) (fst large) && fits (snd small) (snd large)

let infer (prim: Prim<Shape>) : Shape =
    match prim with
    | Prim.Fill(_, shape) -> shape
    | Prim.Tanh s
    | Prim.Variable s -> s
    | Prim.Add(a, b)
    | Prim.Mul(a, b) when a = b -> a
    | Prim.SumTo(shape, s) when stretches shape s -> shape
    | Prim.Expand(shape, s) when stretches s shape -> shape
    | Prim.MatMul((m, k), (k', n)) when k = k' -> m, n
    | Prim.Transpose(m, n) -> n, m
    | Prim.Add _
    | Prim.Mul _
    | Prim.SumTo _
    | Prim.Expand _
    | Prim.MatMul _ -> failwith $"shapes do not fit: {prim}"

// ---- 3. Lazy nodes ----------------------------------------
//
// A node is a shape and a promise: either elements that are there, or the primitive that will give them. A
// node with neither is a symbol, which stands for an argument that somebody will supply. Making a node
// checks shapes and computes nothing. Nodes are compared by identity.
//
// The real one differs: Graph.fs keeps the elements in an engine's memory (Storage.fs), and a node that
// was computed forgets its operands unless a derivative in progress may walk through it. Here nothing is
// forgotten.

[<AllowNullLiteral>]
type Node(shape: Shape, made: Prim<Node> option, value: float[]) =
    member _.Shape = shape
    member _.Made = made
    member val Value = value with get, set

    static member Make(prim: Prim<Node>) =
        Node(infer (Prim.map (fun (n: Node) -> n.Shape) prim), Some prim, null)

    static member (+)(a: Node, b: Node) = Node.Make(Prim.Add(a, b))
    static member (*)(a: Node, b: Node) = Node.Make(Prim.Mul(a, b))

    static member (-)(a: Node, b: Node) =
        a + Node.Make(Prim.Fill(-1.0, b.Shape)) * b

let ofArray shape values = Node(shape, None, values)
let number x = ofArray (1, 1) [| x |]
let symbol shape = Node(shape, None, null)
let full value (like: Node) = Node.Make(Prim.Fill(value, like.Shape))
let tanh x = Node.Make(Prim.Tanh x)
let expand shape x = Node.Make(Prim.Expand(shape, x))
let sumTo shape x = Node.Make(Prim.SumTo(shape, x))
let matMul a b = Node.Make(Prim.MatMul(a, b))
let transpose x = Node.Make(Prim.Transpose x)

/// Operands before users. A stack of our own, not the machine's: a chain of 100,000 nodes must not overflow it.
let topological (enters: Node -> bool) (roots: Node list) : List<Node> =
    let order, seen = List<Node>(), HashSet<Node>(HashIdentity.Reference)
    let stack = Stack<struct (Node * bool)>()

    for root in roots do
        stack.Push(struct (root, false))

        while stack.Count > 0 do
            match stack.Pop() with
            | node, true -> order.Add node
            | node, false ->
                if seen.Add node then
                    stack.Push(struct (node, true))

                    match node.Made with
                    | Some prim when enters node ->
                        for operand in Prim.operands prim do
                            stack.Push(struct (operand, false))
                    | _ -> ()

    order

// ---- 4. Evaluation ----------------------------------------
//
// A primitive over arrays gives an array. Looking at a node computes what is pending below it.
//
// The real one differs: Engine/Reference.fs is the counterpart of `compute`. What users get is Engine/Cpu,
// which sees the whole pending program first, makes one loop of many elementwise primitives, and places
// all buffers in one arena.

let compute (shape: Shape) (prim: Prim<struct (Shape * float[])>) : float[] =
    let rows, columns = shape

    let each f =
        Array.init (rows * columns) (fun i -> f (i / columns) (i % columns))

    match prim with
    | Prim.Fill(value, _) -> each (fun _ _ -> value)
    | Prim.Tanh(_, x) -> Array.map Math.Tanh x
    | Prim.Add((_, a), (_, b)) -> Array.map2 (+) a b
    | Prim.Mul((_, a), (_, b)) -> Array.map2 (*) a b
    | Prim.SumTo(_, ((_, wide), x)) ->
        let sums = Array.zeroCreate (rows * columns)

        for i in 0 .. x.Length - 1 do
            let at = (i / wide % rows) * columns + i % wide % columns
            sums[at] <- sums[at] + x[i]

        sums
    | Prim.Expand(_, ((high, wide), x)) -> each (fun i j -> x[(i % high) * wide + j % wide])
    | Prim.MatMul(((_, inner), a), (_, b)) ->
        each (fun i j -> Seq.sum (seq { for k in 0 .. inner - 1 -> a[i * inner + k] * b[k * columns + j] }))
    | Prim.Transpose(_, x) -> each (fun i j -> x[j * rows + i])
    | Prim.Variable(_, x) -> x

let value (root: Node) : float[] =
    for node in topological (fun n -> isNull n.Value) [ root ] do
        match node.Made with
        | Some prim when isNull node.Value ->
            node.Value <- compute node.Shape (prim |> Prim.map (fun n -> struct (n.Shape, n.Value)))
        | None when isNull node.Value ->
            failwith "a symbol has no value: a traced function must not look at elements"
        | _ -> ()

    root.Value

let item node = (value node)[0]

// ---- 5. One derivative rule each ----------------------------------------
//
// A rule says how the result moves when the operands move. It is written in nodes, so a derivative is an
// ordinary graph and can be derived again. None is a tangent that is zero everywhere; nothing is built for
// it. A primitive that is linear in its operand moves by itself applied to the tangent.
//
// The real one differs: Rules/Derivative.fs has more cases, and slopes at kinks that follow PyTorch.

let derivative (prim: Prim<Node>) (result: Node) (tangent: Node -> Node option) : Node option =
    let along f x = tangent x |> Option.map f

    let plus a b =
        match a, b with
        | Some a, Some b -> Some(a + b)
        | some, None
        | None, some -> some

    match prim with
    | Prim.Fill _ -> None
    | Prim.SumTo(_, x)
    | Prim.Expand(_, x)
    | Prim.Transpose x
    | Prim.Variable x -> x |> along (fun t -> Node.Make(Prim.map (fun _ -> t) prim))
    | Prim.Tanh x -> x |> along (fun t -> t * (full 1.0 result - result * result))
    | Prim.Add(a, b) -> plus (tangent a) (tangent b)
    | Prim.Mul(a, b) -> plus (a |> along (fun t -> t * b)) (b |> along (fun t -> a * t))
    | Prim.MatMul(a, b) -> plus (a |> along (fun t -> matMul t b)) (b |> along (fun t -> matMul a t))

/// Forward mode: walk the graph from operands to results, and give each node its tangent.
let forward (variables: Node list) (tangents: Node list) (output: Node) : Node option =
    let moves = Dictionary<Node, Node>(HashIdentity.Reference)
    List.iter2 (fun v t -> moves[v] <- t) variables tangents

    let tangent node =
        match moves.TryGetValue node with
        | true, t -> Some t
        | _ -> None

    for node in topological (fun n -> not (moves.ContainsKey n)) [ output ] do
        match node.Made with
        | Some prim when not (moves.ContainsKey node) ->
            derivative prim node tangent |> Option.iter (fun t -> moves[node] <- t)
        | _ -> ()

    tangent output

// ---- 6. Transposition, and reverse mode for free ----------------------------------------
//
// A tangent is linear in the tangents it came from: the rules above apply only Add, SumTo, Expand, MatMul,
// Transpose, Variable, and Mul with one factor that does not move. For those, and no others, there is a
// second rule: how a cotangent of the result becomes cotangents of the operands. The set is closed: the
// transpose of each is made of the same primitives (that of SumTo is Expand, that of Expand is SumTo).
// Tanh needs no rule here, since a tangent never goes through it.
//
// The real one differs: Rules/Transpose.fs. Slice, Gather and Windows have partners made for this: Embed,
// ScatterAdd and Overlap.

let transposed (prim: Prim<Node>) (isLinear: Node -> bool) (ct: Node) (give: Node -> Node -> unit) =
    let notLinear () =
        failwith $"a derivative rule is not linear in its tangent: {prim}"

    match prim with
    | Prim.Add(a, b) ->
        if isLinear a then
            give a ct

        if isLinear b then
            give b ct
    | Prim.Mul(a, b) ->
        match isLinear a, isLinear b with
        | true, false -> give a (ct * b)
        | false, true -> give b (a * ct)
        | _ -> notLinear ()
    | Prim.SumTo(_, x) -> give x (expand x.Shape ct)
    | Prim.Expand(_, x) -> give x (sumTo x.Shape ct)
    | Prim.MatMul(a, b) ->
        match isLinear a, isLinear b with
        | true, false -> give a (matMul ct (transpose b))
        | false, true -> give b (matMul (transpose a) ct)
        | _ -> notLinear ()
    | Prim.Transpose x -> give x (transpose ct)
    | Prim.Variable x -> give x ct
    | Prim.Fill _
    | Prim.Tanh _ -> notLinear ()

/// Reverse mode: forward mode along symbols gives a graph that is linear in them; walk that one backwards.
let reverse (variables: Node list) (output: Node) (cotangent: Node) : Node list =
    let symbols = variables |> List.map (fun v -> symbol v.Shape)
    let linear = HashSet<Node>(symbols, HashIdentity.Reference)
    let cotangents = Dictionary<Node, Node>(HashIdentity.Reference)

    let add (node: Node) (ct: Node) =
        cotangents[node] <-
            match cotangents.TryGetValue node with
            | true, sum -> sum + ct
            | _ -> ct

    match forward variables symbols output with
    | Some moved ->
        let order = topological (fun _ -> true) [ moved ]

        for node in order do
            match node.Made with
            | Some prim when Prim.operands prim |> List.exists linear.Contains -> linear.Add node |> ignore
            | _ -> ()

        add moved cotangent

        for i in order.Count - 1 .. -1 .. 0 do
            match order[i].Made, cotangents.TryGetValue order[i] with
            | Some prim, (true, ct) -> transposed prim linear.Contains ct add
            | _ -> ()
    | None -> ()

    (variables, symbols)
    ||> List.map2 (fun v s ->
        match cotangents.TryGetValue s with
        | true, ct -> ct
        | _ -> full 0.0 v)

// ---- 7. Transforms, which nest ----------------------------------------
//
// A transform runs the function on variables in place of its arguments. A variable is a node of its own
// that has the argument's value, and tangents are kept by node: so two derivatives in progress cannot take
// one's variable for the other's, however they nest. No tags and no levels are needed.
//
// The real one differs: Transform.fs and Differentiate.fs take and give tuples, records and trees of
// tensors, and replace the variables by what they stood for at the end, so that nothing keeps the graph
// alive. Custom.fs adds rules of a user's own, Map.fs and Rules/Batch.fs one more rule for each primitive:
// what it does on many examples at once.

let variable (x: Node) = Node.Make(Prim.Variable x)

let jvp (f: Node -> Node) x t : Node =
    let v = variable x
    let y = f v
    forward [ v ] [ t ] y |> Option.defaultWith (fun () -> full 0.0 y)

let grads (f: Node list -> Node) xs : Node list =
    let variables = xs |> List.map variable
    let y = f variables
    reverse variables y (full 1.0 y)

let grad f x : Node =
    grads (List.head >> f) [ x ] |> List.head

// ---- 8. A tiny compile ----------------------------------------
//
// Tracing runs the function once, on symbols. What comes out is a graph, derivatives included; flattened,
// it is a list of steps over numbered slots. Replaying it builds no nodes. Shapes decide whether a trace
// fits, so they are the key.
//
// The real one differs: Compile.fs keys by shapes, element types and static arguments and says why it
// traced again, Program.fs flattens, Rewrite/Simplify.fs drops what is computed twice, and
// Engine/Cpu/Plan.fs makes the steps few.

type Program = {
    Shapes: Shape[]
    Known: float[][]
    Inputs: int list
    Steps: struct (int * Prim<int>)[]
    Results: int list
}

let flatten (inputs: Node list) (outputs: Node list) : Program =
    let order = topological (fun n -> isNull n.Value) (inputs @ outputs)
    let slots = Dictionary<Node, int>(HashIdentity.Reference)
    order |> Seq.iteri (fun i n -> slots[n] <- i)
    let slot n = slots[n]

    {
        Shapes = order |> Seq.map _.Shape |> Array.ofSeq
        Known = order |> Seq.map _.Value |> Array.ofSeq
        Inputs = inputs |> List.map slot
        Steps = [|
            for n in order do
                match n.Made with
                | Some prim when isNull n.Value -> struct (slot n, Prim.map slot prim)
                | _ -> ()
        |]
        Results = outputs |> List.map slot
    }

let replay (program: Program) (arguments: Node list) : Node list =
    let values = Array.copy program.Known
    List.iter2 (fun slot argument -> values[slot] <- value argument) program.Inputs arguments

    for struct (slot, prim) in program.Steps do
        values[slot] <-
            compute program.Shapes[slot] (prim |> Prim.map (fun o -> struct (program.Shapes[o], values[o])))

    program.Results
    |> List.map (fun slot -> ofArray program.Shapes[slot] values[slot])

let compile (onTrace: Shape list -> unit) (f: Node list -> Node list) : Node list -> Node list =
    let programs = Dictionary<Shape list, Program>()

    fun arguments ->
        let shapes = arguments |> List.map _.Shape

        if not (programs.ContainsKey shapes) then
            onTrace shapes
            let symbols = shapes |> List.map symbol
            programs[shapes] <- flatten symbols (f symbols)

        replay programs[shapes] arguments

// ---- 9. Does it work? ----------------------------------------

let mutable failures = 0

let check what isTrue =
    printfn "%s  %s" (if isTrue then "ok    " else "FAILED") what

    if not isTrue then
        failures <- failures + 1

let refuses (f: unit -> Node) =
    try
        f () |> ignore
        false
    with _ ->
        true

check
    "shapes are refused when the graph is built"
    (refuses (fun () -> number 1.0 + ofArray (1, 2) [| 1.0; 2.0 |]))

// Nesting. The inner derivative of x + y by y is 1, so the outer function is x · 1, and its derivative is
// 1. Who mixes up the two variables gets 2. (J. M. Siskind and B. A. Pearlmutter, "Perturbation confusion
// and referential transparency", 2005.)
let one = number 1.0

let confused d =
    d (fun x -> x * d (fun y -> x + y) one) one

check "no perturbation confusion, forward in forward" (item (confused (fun f x -> jvp f x one)) = 1.0)
check "no perturbation confusion, reverse in reverse" (item (confused grad) = 1.0)

let third = item ((grad >> grad >> grad) tanh (number 0.5))
let y = Math.Tanh 0.5
check "the third derivative of tanh" (abs (third - (1.0 - y * y) * (6.0 * y * y - 2.0)) < 1e-12)

let cube x = x * x * x
let forwardOverReverse = jvp (grad cube) (number 2.0) one
let reverseOverForward = grad (fun x -> jvp cube x one) (number 2.0)
check "both orders of both modes give 6x" (item forwardOverReverse = 12.0 && item reverseOverForward = 12.0)

let long = Seq.fold (fun x _ -> tanh x) (number 1.0) (seq { 1..100_000 })
check "100,000 operations do not overflow the stack" (item long > 0.0)

// A network with one hidden layer of 8 learns one wave of the sine from 16 points.
let points = Array.init 16 (fun i -> float i / 15.0 * 2.0 - 1.0)
let inputs = ofArray (16, 1) points
let targets = ofArray (16, 1) (points |> Array.map (fun x -> Math.Sin(Math.PI * x)))

let loss parameters =
    match parameters with
    | [ w1; b1; w2; b2 ] ->
        let hidden = tanh (matMul inputs w1 + expand (16, 8) b1)
        let error = matMul hidden w2 + expand (16, 1) b2 - targets
        sumTo (1, 1) (error * error) * number (1.0 / 16.0)
    | _ -> failwith "the network has four parameters"

let random = Random 1

let initial rows columns =
    ofArray (rows, columns) (Array.init (rows * columns) (fun _ -> random.NextDouble() * 2.0 - 1.0))

let start = [ initial 1 8; initial 1 8; initial 8 1; initial 1 1 ]

let gradients = grads loss start

let bumped h =
    let w1 = Array.copy (value start[0])
    w1[3] <- w1[3] + h
    item (loss (ofArray (1, 8) w1 :: List.tail start))

let difference = (bumped 1e-5 - bumped -1e-5) / 2e-5
check "the gradient agrees with central differences" (abs ((value gradients[0])[3] - difference) < 1e-8)

let step parameters =
    (parameters, grads loss parameters)
    ||> List.map2 (fun p g -> p - g * full 0.1 g)

let traces = List<Shape list>()
let fast = compile traces.Add step

let same a b =
    List.forall2 (fun a b -> value a = value b) a b

check "a compiled step gives the same bits" (same (fast start) (step start))

let trained = Seq.fold (fun p _ -> fast p) start (seq { 1..1500 })
printfn "        loss %.4f -> %.4f after 1500 steps" (item (loss start)) (item (loss trained))
check "training works" (item (loss trained) < 0.01)
check "all steps ran one trace" (traces.Count = 1)

let branching xs =
    if item (List.head xs) > 0.0 then xs else []

check
    "a branch on a value is refused in a trace"
    (refuses (fun () -> compile ignore branching [ one ] |> List.head))

exit (min failures 1)
