/// Einstein sums against the plain sum over all letters.
module FunctionalDL.Tests.EinsumTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support
open FunctionalDL.Tests.FamilySupport

/// The sum over all values of all letters, one at a time.
let private plain (terms: string list) (output: string) (operands: (int list * float[]) list) =
    let sizes =
        List.zip terms operands
        |> List.collect (fun (term, (shape, _)) -> List.zip (List.ofSeq term) shape)
        |> List.distinct
        |> Map.ofList

    let letters = sizes |> Map.toList |> List.map fst
    let shape = output |> Seq.map (fun l -> sizes[l]) |> List.ofSeq
    let result = Array.zeroCreate<float>(elements shape)

    for values in positions (letters |> List.map (fun l -> sizes[l])) do
        let value = List.zip letters values |> Map.ofList

        let place (term: string) =
            term |> Seq.map (fun l -> value[l]) |> List.ofSeq

        let product =
            List.zip terms operands
            |> List.fold (fun p (term, (shape, x)) -> p * at shape x (place term)) 1.0

        let target = List.fold2 (fun flat size i -> flat * size + i) 0 shape (place output)
        result[target] <- result[target] + product

    shape, result

let private size letter =
    Map.ofList [ 'i', 2; 'j', 3; 'k', 4; 'l', 2; 'b', 2; 'o', 5 ] |> Map.find letter

[<TestCase("ij,jk->ik", TestName = "a matrix product")>]
[<TestCase("ij,kj->ik", TestName = "a product with a transpose")>]
[<TestCase("ij,jk->ki", TestName = "a transposed product")>]
[<TestCase("ii->", TestName = "a trace")>]
[<TestCase("ii->i", TestName = "a diagonal")>]
[<TestCase("iij->j", TestName = "a sum of diagonals")>]
[<TestCase("iii->i", TestName = "a diagonal of three axes")>]
[<TestCase("bbii->ib", TestName = "two diagonals")>]
[<TestCase("i,k->ik", TestName = "an outer product")>]
[<TestCase("i,j,k->kji", TestName = "an outer product of three")>]
[<TestCase("ij->", TestName = "a sum")>]
[<TestCase("ij->j", TestName = "a sum along an axis")>]
[<TestCase("ijk->kij", TestName = "a permutation")>]
[<TestCase("ij,ij->", TestName = "an inner product of matrices")>]
[<TestCase("ij,ij->ij", TestName = "an elementwise product")>]
[<TestCase("ij,j->i", TestName = "a matrix times a vector")>]
[<TestCase("bij,bjk->bik", TestName = "a batch of products")>]
[<TestCase("bij,bjk->ikb", TestName = "a batch of products, moved")>]
[<TestCase("bi,oij,bj->bo", TestName = "a bilinear form")>]
[<TestCase("ij,kj,lk->il", TestName = "a chain of three")>]
[<TestCase("ij,ijk,k->", TestName = "a full contraction of three")>]
[<TestCase("ij,kl->", TestName = "sums that do not meet")>]
[<TestCase("ij,jj->i", TestName = "a product with a diagonal")>]
let ``einsum is the sum over all letters`` (equation: string) =
    let sides = equation.Split "->"
    let terms = sides[0].Split ',' |> List.ofArray
    let shapes = terms |> List.map (Seq.map size >> List.ofSeq)
    let operands = shapes |> List.mapi (fun i shape -> shape, numbers (20 + i) shape)
    let shape, expected = plain terms sides[1] operands

    for name in engineNames do
        let engine = engineOf name
        let y = Einsum.einsum equation (operands |> List.map (fun (s, x) -> float64s s x))
        shouldEqual shape (dimsOf y)
        floatsOn engine y |> shouldBeClose equation 1e-12 expected

        for i in 0 .. operands.Length - 1 do
            let f x =
                Einsum.einsum
                    equation
                    (operands |> List.mapi (fun j (s, v) -> if i = j then x else float64s s v))

            gradientIsDifference $"{equation}, operand {i}" engine f (fst operands[i]) (snd operands[i])

[<Test>]
let ``without an arrow the letters that occur once remain, in order`` () =
    let a, b = numbers 30 [ 2; 3 ], numbers 31 [ 3; 4 ]

    let on equation xs =
        floatsOn Reference.engine (Einsum.einsum equation xs)

    let a, b = float64s [ 2; 3 ] a, float64s [ 3; 4 ] b
    shouldBeExactly "product" (on "ij,jk->ik" [ a; b ]) (on "ij,jk" [ a; b ])
    shouldBeExactly "transpose" (on "ba->ab" [ a ]) (on "ba" [ a ])
    shouldEqual [ 3; 2 ] (dimsOf (Einsum.einsum "ba" [ a ]))
    shouldBeExactly "spaces" (on "ij,jk->ki" [ a; b ]) (on " i j, j k -> k i" [ a; b ])

[<Test>]
let ``axes of size 1 meet any other`` () =
    let a, b = numbers 32 [ 2; 1 ], numbers 33 [ 3; 2 ]

    let expected = [|
        for i in 0..1 do
            for k in 0..1 -> a[i] * (b[k] + b[2 + k] + b[4 + k])
    |]

    floatsOn Reference.engine (Einsum.einsum "ij,jk->ik" [ float64s [ 2; 1 ] a; float64s [ 3; 2 ] b ])
    |> shouldBeClose "stretched" 1e-14 expected

[<Test>]
let ``whole numbers stay whole`` () =
    let a = Tensor.ofInt64s [ 2; 2 ] [| 1L; 2L; 3L; 4L |]
    let y = Einsum.einsum "ij,jk->ik" [ a; a ]
    shouldEqual DType.Int64 y.DType
    shouldBeExactly "product" [ 7.0; 10.0; 15.0; 22.0 ] (floatsOn Reference.engine y)

[<Test>]
let ``equations that say nothing clear are refused`` () =
    let m = float64s [ 2; 3 ] (numbers 34 [ 2; 3 ])

    let refused equation operands message =
        (fun () -> Einsum.einsum equation operands |> ignore)
        |> raises<OptionException> $"einsum \"{equation}\": {message}"

    refused "ij,jk->ik" [ m ] "2 operands are named, and 1 given"
    refused "ij->ii" [ m ] "a letter stands twice in the output"
    refused "ij->k" [ m ] "'k' of the output is not an axis of any operand"
    refused "i2->i" [ m ] "'2' is no letter; axes are named a to z and A to Z"
    refused "ij->i->j" [ m ] "'->' stands more than once"

    refused
        "...j->j"
        [ m ]
        "an ellipsis is not supported; give the axes that it stands for letters of their own"

    let misfit equation operands message =
        (fun () -> Einsum.einsum equation operands |> ignore)
        |> raises<ShapeException> $"einsum \"{equation}\": {message}"

    misfit "ijk->i" [ m ] "'ijk' names 3 axes, and the operand is [2; 3]"
    misfit "ij,ij->ij" [ m; Tensor.t m ] "axis 'i' has size 2 in one place and 3 in another"
    misfit "ii->i" [ m ] "'i' stands for axes of different sizes of [2; 3]: there is no diagonal"
