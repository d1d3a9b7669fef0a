# Encoders and images on ideal and on ohmic-1: hidden tokens, classes, whole evaluation sets.
#   test_encoders.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
need_shared
albert=$shared/rxnmapper_albert vit=$shared/vit_cifar10_ibp own=$shared/own

echo "== ALBERT, hidden tokens"
compile albert $albert/albert_rxnmapper_op17.onnx --chip ideal
best=$(score top1 "$work/albert.ohm" --masked $albert/mlm_eval.json)
check "ideal: masked top-1" "$best" 0.98486 0.98496
compile albert_1 $albert/albert_rxnmapper_op17.onnx --chip ohmic-1
check "ohmic-1: masked top-1, within 0.05 points" "$(score top1 "$work/albert_1.ohm" --masked $albert/mlm_eval.json)" 0.98441 1

echo "== ViT, classes"
images="--classify $vit/data_x.f32 --labels $vit/data_y.json --shape 3,32,32 --mean .4914,.4822,.4465 --std .2023,.1994,.2010"
compile vit $vit/model.onnx --chip ideal
check "ideal: images right of 242" "$(score right "$work/vit.ohm" $images)" 242 242
compile vit_1 $vit/model.onnx --chip ohmic-1
check "ohmic-1: images right of 242" "$(score right "$work/vit_1.ohm" $images)" 242 242

echo "== tales_judge"
for name in op17 dynamo_op20; do
    compile judge_$name $own/tales_judge_$name.onnx --chip ideal
    check "ideal, $name: right of 500, as stored" \
        "$(score right "$work/judge_$name.ohm" --classify $own/judge_eval.json)" 372 372
done
compile judge_1 $own/tales_judge_op17.onnx --chip ohmic-1
check "ohmic-1: right of 500, within half a point" \
    "$(score right "$work/judge_1.ohm" --classify $own/judge_eval.json)" 370 375
finish
