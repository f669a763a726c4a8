/// Trees of named values.
module FunctionalDL.Tests.Nn.TreeTests

open NUnit.Framework
open FunctionalDL.Core
open FunctionalDL.Tests.Support

[<Test>]
let ``trees have paths, and say what is missing`` () =
    let tree = Tree.ofLeaves [ "a.x", 1; "b", 2; "a.y.z", 3 ]
    shouldEqual [ "a.x", 1; "a.y.z", 3; "b", 2 ] (Tree.leaves tree)
    shouldEqual 3 (Tree.find "a.y.z" tree)
    shouldEqual [ 2; 6; 4 ] (Tree.map ((*) 2) tree |> Tree.leaves |> List.map snd)
    raises<ShapeException> "there is no 'c' here; there is: a, b" (fun () -> Tree.find "c" tree |> ignore)
    raises<ShapeException> "there is no 'x' below a leaf" (fun () -> Tree.find "b.x" tree |> ignore)
    raises<ShapeException> "'a.y' has parts of its own" (fun () -> Tree.find "a.y" tree |> ignore)

    raises<ShapeException> "trees differ in form: (a.x, a.y.z, b) and (b)" (fun () ->
        Tree.map2 (+) tree (Tree.ofLeaves [ "b", 1 ]) |> ignore)
