namespace FunctionalDL.Core

/// Named things, as deep as they need to be: the parameters, the state and the gradients of a network. Paths
/// such as `layers.0.weight` are stable; where a PyTorch twin exists they are those of its `state_dict`.
type Tree<'leaf> =
    | Leaf of 'leaf
    | Branch of (string * Tree<'leaf>) list

/// Walking trees.
[<RequireQualifiedAccess>]
module Tree =

    /// A tree without leaves.
    let empty: Tree<'a> = Branch []

    /// The tree with a function applied to each leaf.
    let rec map f tree =
        match tree with
        | Leaf leaf -> Leaf(f leaf)
        | Branch children -> Branch(children |> List.map (fun (name, child) -> name, map f child))

    /// The leaves with their paths, in order.
    let leaves (tree: Tree<'a>) : (string * 'a) list =
        let rec walk path tree =
            match tree with
            | Leaf leaf -> [ path, leaf ]
            | Branch children ->
                children
                |> List.collect (fun (name, child) ->
                    walk (if path = "" then name else $"{path}.{name}") child)

        walk "" tree

    let private mismatch a b =
        let paths tree =
            leaves tree |> List.map fst |> String.concat ", "

        Fail.shape $"trees differ in form: ({paths a}) and ({paths b})"

    /// A function of two leaves applied to two trees of one form. Raises ShapeException when the forms
    /// differ.
    let map2 f (a: Tree<'a>) (b: Tree<'b>) : Tree<'c> =
        let rec walk x y =
            match x, y with
            | Leaf p, Leaf q -> Leaf(f p q)
            | Branch ps, Branch qs when List.map fst ps = List.map fst qs ->
                Branch(List.map2 (fun (name, p) (_, q) -> name, walk p q) ps qs)
            | _ -> mismatch a b

        walk a b

    /// The child of that name. Raises ShapeException when there is none.
    let child name (tree: Tree<'a>) =
        match tree with
        | Branch children when List.exists (fun (n, _) -> n = name) children ->
            children |> List.find (fun (n, _) -> n = name) |> snd
        | Branch children ->
            let names = children |> List.map fst |> String.concat ", "
            Fail.shape $"there is no '{name}' here; there is: {names}"
        | Leaf _ -> Fail.shape $"there is no '{name}' below a leaf"

    /// The child of that name; a tree without leaves when there is none.
    let childOrEmpty name (tree: Tree<'a>) =
        match tree with
        | Branch children ->
            children
            |> List.tryFind (fun (n, _) -> n = name)
            |> Option.map snd
            |> Option.defaultValue empty
        | Leaf _ -> empty

    /// The leaf at a path such as `layers.0.weight`. Raises ShapeException when there is none.
    let find (path: string) (tree: Tree<'a>) =
        match path.Split '.' |> Array.fold (fun t name -> child name t) tree with
        | Leaf leaf -> leaf
        | Branch _ -> Fail.shape $"'{path}' has parts of its own"

    /// The tree with another leaf at a path such as `layers.0.weight`. Raises ShapeException when there is no
    /// leaf there.
    let set (path: string) leaf (tree: Tree<'a>) =
        find path tree |> ignore

        let rec replace (names: string list) tree =
            match names, tree with
            | name :: rest, Branch children ->
                children
                |> List.map (fun (n, child) -> n, (if n = name then replace rest child else child))
                |> Branch
            | _ -> Leaf leaf

        replace (List.ofArray (path.Split '.')) tree

    /// The tree with these paths and leaves, in their order.
    let rec ofLeaves (entries: (string * 'a) list) : Tree<'a> =
        let head (path: string) =
            match path.IndexOf '.' with
            | -1 -> path, None
            | at -> path[.. at - 1], Some path[at + 1 ..]

        entries
        |> List.groupBy (fun (path, _) -> fst (head path))
        |> List.map (fun (name, group) ->
            match group with
            | [ (path, leaf) ] when snd (head path) = None -> name, Leaf leaf
            | group ->
                name,
                ofLeaves (
                    group
                    |> List.map (fun (path, leaf) -> Option.defaultValue "" (snd (head path)), leaf)
                ))
        |> Branch
