# Histories in RecBole's atomic form `inter`: a typed header, tabs between fields.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
make_bundle

refuse() { # TEXT CONTENT (printf)
    printf "$2" >h.inter
    expect_exit 65 "h.inter: $1" -- decode h.inter
}
for form in 'user_id:token\titem_id:token\nu\tverger-03\n' 'user_id:token\titem_id:token\r\nu\tverger-03' \
    'rating:float\ttimestamp:float\titem_id:token\tuser_id:token\nx\t1\tverger-03\tu\n' '\xef\xbb\xbfuser_id:token\titem_id:token\nu\tverger-03\n'; do
    printf "$form" >h.inter
    expect_exit 0 'h.inter: 1 users, 1 known items' -- decode h.inter
done
refuse 'holds no history' ''
refuse 'holds no history' 'user_id:token\titem_id:token\n'
refuse 'line 1: column "user_id" has no type (name:type)' 'user_id\titem_id\nu\tverger-03\n'
refuse 'line 1: column "user_id" has type "float", must be "token"' 'user_id:float\titem_id:token\nu\tverger-03\n'
refuse 'line 1: column "item_id" has type "token_seq", must be "token"' 'user_id:token\titem_id:token_seq\nu\ta b\n'
refuse 'line 1: column "user_id" has type "token item_id:token", must be "token"' 'user_id:token item_id:token\nu verger-03\n'
refuse 'line 1: no column "item_id:token"; the header has "user_id:token"' 'user_id:token\nu\n'
refuse 'line 2: has 1 fields, the header has 2' 'user_id:token\titem_id:token\nu\n'
refuse 'line 2: timestamp "x" is not a finite decimal number' 'user_id:token\titem_id:token\ttimestamp:float\nu\ta\tx\n'
refuse 'line 2: item "?" is not valid UTF-8' 'user_id:token\titem_id:token\nu\t\xff\n'
done_testing
