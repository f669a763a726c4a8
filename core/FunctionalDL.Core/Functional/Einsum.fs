namespace FunctionalDL.Core

open System

/// Sums of products by Einstein's notation.
[<RequireQualifiedAccess>]
module Einsum =

    let private fail equation text =
        Fail.option $"einsum \"{equation}\": {text}"

    /// A tensor with a letter for each axis.
    [<Struct>]
    type private Labelled = { Letters: char list; Tensor: Tensor }

    let private parse (equation: string) operands =
        let text = equation.Replace(" ", "")

        if text.Contains '.' then
            fail
                equation
                "an ellipsis is not supported; give the axes that it stands for letters of their own"

        let left, output =
            match text.Split "->" with
            | [| left |] ->
                // Without an output, PyTorch takes the letters that occur once, in alphabetical order.
                let once =
                    left
                    |> Seq.filter Char.IsLetter
                    |> Seq.countBy id
                    |> Seq.filter (fun (_, n) -> n = 1)

                left, once |> Seq.map fst |> Seq.sort |> List.ofSeq
            | [| left; right |] -> left, List.ofSeq right
            | _ -> fail equation "'->' stands more than once"

        let terms = left.Split ',' |> Array.map List.ofSeq |> List.ofArray

        for letter in List.append (List.concat terms) output do
            if not (Char.IsAsciiLetter letter) then
                fail equation $"'{letter}' is no letter; axes are named a to z and A to Z"

        if terms.Length <> operands then
            fail equation $"{terms.Length} operands are named, and {operands} given"

        if (List.distinct output).Length <> output.Length then
            fail equation "a letter stands twice in the output"

        for letter in output do
            if not (List.exists (List.contains letter) terms) then
                fail equation $"'{letter}' of the output is not an axis of any operand"

        struct (terms, output)

    /// An operand with one axis for each of its letters: of a letter that stands twice the diagonal is taken.
    let rec private diagonals x =
        match x.Letters |> List.countBy id |> List.tryFind (fun (_, n) -> n > 1) with
        | None -> x
        | Some(letter, _) ->
            let first = List.findIndex ((=) letter) x.Letters
            let second = List.findIndexBack ((=) letter) x.Letters
            let rest = [ 0 .. x.Letters.Length - 1 ] |> List.except [ first; second ]

            diagonals {
                Letters = (rest |> List.map (fun axis -> x.Letters[axis])) @ [ letter ]
                Tensor = Tensor.permute (rest @ [ first; second ]) x.Tensor |> Tensor.diagonal 0
            }

    let private sizeOf equation (operands: Labelled list) =
        let add (sizes: Map<char, int>) (letter, size) =
            match sizes.TryFind letter with
            | Some other when other <> size && other <> 1 && size <> 1 ->
                Fail.shape (
                    $"einsum \"{equation}\": axis '{letter}' has size {other} in one place and "
                    + $"{size} in another"
                )
            | Some other -> sizes.Add(letter, max other size)
            | None -> sizes.Add(letter, size)

        operands
        |> List.collect (fun x -> List.zip x.Letters (List.ofArray x.Tensor.Shape.Dims))
        |> List.fold add Map.empty

    /// `x` with these letters in this order: axes are moved, and stretched from size 1; those it lacks are
    /// stretched from nothing.
    let private arrange (sizes: Map<char, int>) letters x =
        let present = letters |> List.filter (fun l -> List.contains l x.Letters)
        let order = present |> List.map (fun l -> List.findIndex ((=) l) x.Letters)

        let moved =
            if order = [ 0 .. order.Length - 1 ] then
                x.Tensor
            else
                Tensor.permute order x.Tensor

        let place l =
            if List.contains l present then
                moved.Shape[List.findIndex ((=) l) present]
            else
                1

        moved
        |> Tensor.reshape (List.map place letters)
        |> Tensor.expand (letters |> List.map (fun l -> sizes[l]))

    /// The letters that are wanted; the others are summed over.
    let private sumOver (wanted: char list) x =
        let gone =
            x.Letters
            |> List.indexed
            |> List.filter (fun (_, l) -> not (List.contains l wanted))
            |> List.map fst

        if gone.IsEmpty then
            x
        else
            {
                Letters = x.Letters |> List.filter (fun l -> List.contains l wanted)
                Tensor = Tensor.sumAxes gone x.Tensor
            }

    /// The product of two operands, summed over the letters that nobody else wants.
    let private contract (sizes: Map<char, int>) (wanted: char list) a b =
        let has letters letter = List.contains letter letters
        let a = sumOver (b.Letters @ wanted) a
        let b = sumOver (a.Letters @ wanted) b
        let shared = a.Letters |> List.filter (has b.Letters)
        let batch, summed = shared |> List.partition (has wanted)
        let left = a.Letters |> List.filter (fun l -> not (has shared l))
        let right = b.Letters |> List.filter (fun l -> not (has shared l))
        let letters = batch @ left @ right
        let shape = letters |> List.map (fun l -> sizes[l])

        let product =
            if summed.IsEmpty then
                arrange sizes letters a * arrange sizes letters b
            else
                let count = List.fold (fun n l -> n * sizes[l]) 1
                let b' = if batch.IsEmpty then [] else [ count batch ]

                // The letters that are summed over are the inner axis of a matrix product.
                let matrix order rows columns =
                    Tensor.reshape (b' @ [ count rows; count columns ]) order

                Tensor.matmul
                    (matrix (arrange sizes (batch @ left @ summed) a) left summed)
                    (matrix (arrange sizes (batch @ summed @ right) b) summed right)
                |> Tensor.reshape shape

        { Letters = letters; Tensor = product }

    /// The sum of products that `equation` describes: a letter for each axis of each operand, `->`, and the
    /// letters of the result; letters that the result lacks are summed over, and those that an operand has
    /// twice run along its diagonal. `"ij,jk->ik"` is the matrix product, `"ii->"` the trace, `"i,j->ij"` the
    /// outer product, `"bij,bjk->bik"` a batch of products, `"ij->ji"` the transpose. Without `->` the result
    /// has the letters that occur once, in alphabetical order. Operands are taken from left to right, by
    /// matrix products where something is summed over. An axis of size 1 meets any other. Raises
    /// OptionException for an equation that says nothing clear, and ShapeException when operands do not fit
    /// it.
    let einsum (equation: string) (operands: Tensor list) =
        let struct (terms, output) = parse equation operands.Length

        for term, x in List.zip terms operands do
            if term.Length <> x.Rank then
                let letters = String(Array.ofList term)

                Fail.shape (
                    $"einsum \"{equation}\": '{letters}' names {term.Length} axes, and the "
                    + $"operand is {x.Shape}"
                )

            for letter, places in term |> List.indexed |> List.groupBy snd do
                let found = places |> List.map (fun (axis, _) -> x.Shape[axis])

                if (List.distinct found).Length > 1 then
                    Fail.shape (
                        $"einsum \"{equation}\": '{letter}' stands for axes of different sizes "
                        + $"of {x.Shape}: there is no diagonal"
                    )

        let labelled =
            List.map2 (fun letters x -> diagonals { Letters = letters; Tensor = x }) terms operands

        let sizes = sizeOf equation labelled

        let rec run first rest =
            match rest with
            | [] -> sumOver output first |> arrange sizes output
            | second :: others ->
                let wanted = output @ (others |> List.collect _.Letters)
                run (contract sizes wanted first second) others

        run labelled.Head labelled.Tail
